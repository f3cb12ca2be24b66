-- Whom an operator deletes goes also while he is disabled.

-- +goose Up

ALTER TABLE users ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0;

-- +goose Down

ALTER TABLE users DROP COLUMN dismissed;
