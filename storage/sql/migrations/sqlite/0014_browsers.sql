-- Users who are signed in in browsers, what they allow clients, and what clients need for sign-ins in a browser. No row is
-- rewritten, and a server from before this migration works as before.
--
-- Oldest program: 13.

-- +goose Up

-- One row for each sign-in of a user in a browser.
CREATE TABLE browser_sessions (
    id               TEXT    NOT NULL PRIMARY KEY, -- UUIDv7
    user_id          TEXT    NOT NULL REFERENCES users (id),
    secret_hash      BLOB    NOT NULL UNIQUE,      -- SHA-256 of the secret in the browser's cookie
    epoch            INTEGER NOT NULL,             -- users.auth_epoch; of another one, the session is not active
    account_platform TEXT,                         -- the account that signed in; NULL: none
    account_app      TEXT,
    account_subject  TEXT,
    method           TEXT    NOT NULL,
    auth_time        INTEGER NOT NULL,
    device           TEXT    NOT NULL,
    idle_expires_at  INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL,
    ended_at         INTEGER,
    end_reason       TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX browser_sessions_of_user ON browser_sessions (user_id, ended_at);
CREATE INDEX browser_sessions_over ON browser_sessions (coalesce(ended_at, expires_at)); -- for deleting them

-- The browser session that a session came from; NULL: none. There is no index, since every search also names the user.
ALTER TABLE sessions ADD COLUMN browser_session_id TEXT;

CREATE TABLE consents (
    user_id    TEXT    NOT NULL REFERENCES users (id),
    client_id  TEXT    NOT NULL,
    resource   TEXT    NOT NULL, -- RFC 8707; empty: none
    scopes     TEXT    NOT NULL,
    terms      TEXT    NOT NULL, -- the version of the terms that the user saw; empty: none
    granted_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id, resource)
) STRICT, WITHOUT ROWID;

ALTER TABLE clients ADD COLUMN redirect_uris TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN post_logout_redirect_uris TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN backchannel_logout_uri TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN always_consent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN optional_pkce INTEGER NOT NULL DEFAULT 0;

-- +goose Down

ALTER TABLE clients DROP COLUMN optional_pkce;
ALTER TABLE clients DROP COLUMN always_consent;
ALTER TABLE clients DROP COLUMN backchannel_logout_uri;
ALTER TABLE clients DROP COLUMN post_logout_redirect_uris;
ALTER TABLE clients DROP COLUMN redirect_uris;
DROP TABLE consents;
ALTER TABLE sessions DROP COLUMN browser_session_id;
DROP TABLE browser_sessions;
