-- Whether all refreshes of a client have an idempotency key, a random one for each refresh token. False for clients from
-- before this migration, since nobody has promised it for them. No row is rewritten, and a server from before this
-- migration creates clients as before.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE clients ADD COLUMN refresh_keys BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down

ALTER TABLE clients DROP COLUMN refresh_keys;
