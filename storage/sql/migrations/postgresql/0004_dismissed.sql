-- An operator can delete disabled users. A constant default is stored once for the table, so no row is rewritten.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE users ADD COLUMN dismissed BOOLEAN NOT NULL DEFAULT false;

-- +goose Down

ALTER TABLE users DROP COLUMN dismissed;
