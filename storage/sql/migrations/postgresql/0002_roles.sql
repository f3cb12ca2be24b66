-- Roles and claims. A constant default is stored once for the table, so no row is rewritten.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE users
    ADD COLUMN roles  TEXT NOT NULL DEFAULT '[]',
    ADD COLUMN claims TEXT NOT NULL DEFAULT ''; -- JSON object of at most 1 KiB; empty: none

-- +goose Down

ALTER TABLE users
    DROP COLUMN claims,
    DROP COLUMN roles;
