-- Whom an operator deletes goes also while he is disabled. A constant default is noted once for the table: no row is written.

-- +goose Up

ALTER TABLE users ADD COLUMN dismissed BOOLEAN NOT NULL DEFAULT false;

-- +goose Down

ALTER TABLE users DROP COLUMN dismissed;
