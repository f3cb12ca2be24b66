-- What an operator says of a user. A constant default is noted once for the table: no row is written, however many there are.

-- +goose Up

ALTER TABLE users
    ADD COLUMN roles  TEXT NOT NULL DEFAULT '[]',
    ADD COLUMN claims TEXT NOT NULL DEFAULT ''; -- JSON object of at most 1 KiB; empty: none

-- +goose Down

ALTER TABLE users
    DROP COLUMN claims,
    DROP COLUMN roles;
