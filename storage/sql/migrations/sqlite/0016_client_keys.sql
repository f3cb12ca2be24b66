-- How clients authenticate besides their secret. No row is rewritten, and a server from before this migration works as
-- before: it does not accept old secrets or assertions.
--
-- Oldest program: 13.

-- +goose Up

ALTER TABLE clients ADD COLUMN old_secret_hash BLOB;                     -- of the secret before; NULL: none
ALTER TABLE clients ADD COLUMN old_secret_until INTEGER;                 -- Unix time in milliseconds; NULL: it does not count
ALTER TABLE clients ADD COLUMN jwks TEXT NOT NULL DEFAULT '';            -- public keys (RFC 7517)
ALTER TABLE clients ADD COLUMN jwks_uri TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN require_par INTEGER NOT NULL DEFAULT 0;   -- RFC 9126

-- +goose Down

ALTER TABLE clients DROP COLUMN require_par;
ALTER TABLE clients DROP COLUMN jwks_uri;
ALTER TABLE clients DROP COLUMN jwks;
ALTER TABLE clients DROP COLUMN old_secret_until;
ALTER TABLE clients DROP COLUMN old_secret_hash;
