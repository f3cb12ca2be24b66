-- An operator can delete disabled users.

-- +goose Up

ALTER TABLE users ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0;

-- +goose Down

ALTER TABLE users DROP COLUMN dismissed;
