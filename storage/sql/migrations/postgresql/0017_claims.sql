-- Postal addresses. A constant default is stored once for the table, so no row is rewritten, and a server from before this
-- migration works as before.
--
-- Oldest program: 13.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE profiles ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE profiles DROP COLUMN address;
