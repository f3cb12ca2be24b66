-- How clients authenticate besides their secret. Constant defaults are stored once for the table, so no row is rewritten, and
-- a server from before this migration works as before: it does not accept old secrets or assertions.
--
-- Oldest program: 13.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE clients
    ADD COLUMN old_secret_hash  BYTEA,                          -- of the secret before; NULL: none
    ADD COLUMN old_secret_until BIGINT,                         -- Unix time in milliseconds; NULL: it does not count
    ADD COLUMN jwks             TEXT    NOT NULL DEFAULT '',    -- public keys (RFC 7517)
    ADD COLUMN jwks_uri         TEXT    NOT NULL DEFAULT '',
    ADD COLUMN require_par      BOOLEAN NOT NULL DEFAULT FALSE; -- RFC 9126

-- +goose Down

ALTER TABLE clients
    DROP COLUMN require_par,
    DROP COLUMN jwks_uri,
    DROP COLUMN jwks,
    DROP COLUMN old_secret_until,
    DROP COLUMN old_secret_hash;
