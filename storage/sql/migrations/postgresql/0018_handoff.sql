-- What a mini-program's web-view needs to go on with its session. Constant defaults are stored once for the table, so no row
-- is rewritten, and a server from before this migration works as before: it hands no session off.
--
-- Oldest program: 13.

-- +goose Up

SET LOCAL lock_timeout = '1s';
-- The one client for which a browser session counts; empty: it counts for all.
ALTER TABLE browser_sessions ADD COLUMN client_id TEXT COLLATE "C" NOT NULL DEFAULT '';
-- The session of a client that it was handed over from, and with which it ends; empty: none.
ALTER TABLE browser_sessions ADD COLUMN handed_by TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Where a sign-in at the client begins (OpenID Connect Core §4); empty: nowhere that is known.
ALTER TABLE clients ADD COLUMN initiate_login_uri TEXT NOT NULL DEFAULT '';

-- +goose Down

-- Without the column, they would count for all clients.
UPDATE browser_sessions SET idle_expires_at = 0 WHERE client_id <> '';
ALTER TABLE clients DROP COLUMN initiate_login_uri;
ALTER TABLE browser_sessions DROP COLUMN handed_by;
ALTER TABLE browser_sessions DROP COLUMN client_id;
