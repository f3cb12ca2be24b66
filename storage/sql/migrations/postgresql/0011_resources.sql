-- Which resources a sign-in named (RFC 8707), space-separated; NULL: none, as in all sessions from before this
-- migration. Which audiences a client is, and until when it is served by the rule from before. No row is rewritten, and
-- a server from before this migration works as before.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE sessions ADD COLUMN resources TEXT;
ALTER TABLE clients ADD COLUMN is_audience TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN legacy_audience_until BIGINT; -- Unix time in milliseconds; NULL: never

-- +goose Down

ALTER TABLE clients DROP COLUMN legacy_audience_until;
ALTER TABLE clients DROP COLUMN is_audience;
ALTER TABLE sessions DROP COLUMN resources;
