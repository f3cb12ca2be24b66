-- Postal addresses. No row is rewritten, and a server from before this migration works as before.
--
-- Oldest program: 13.

-- +goose Up

ALTER TABLE profiles ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE profiles DROP COLUMN address;
