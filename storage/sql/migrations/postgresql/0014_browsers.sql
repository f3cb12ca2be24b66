-- Users who are signed in in browsers, what they allow clients, and what clients need for sign-ins in a browser. Constant
-- defaults are stored once for the table, so no row is rewritten, and a server from before this migration works as before.
--
-- Oldest program: 13.

-- +goose Up

SET LOCAL lock_timeout = '1s';

-- One row for each sign-in of a user in a browser. No index has a column that a visit changes (idle_expires_at,
-- last_seen_at), and pages keep room for new versions of rows (see sessions in 0001).
CREATE TABLE browser_sessions (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7
    user_id          TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    secret_hash      BYTEA            NOT NULL UNIQUE,      -- SHA-256 of the secret in the browser's cookie
    epoch            BIGINT           NOT NULL,             -- users.auth_epoch; of another one, the session is not active
    account_platform TEXT,                                  -- the account that signed in; NULL: none
    account_app      TEXT,
    account_subject  TEXT,
    method           TEXT             NOT NULL,
    auth_time        BIGINT           NOT NULL,
    device           TEXT             NOT NULL,
    idle_expires_at  BIGINT           NOT NULL,
    expires_at       BIGINT           NOT NULL,
    last_seen_at     BIGINT           NOT NULL,
    ended_at         BIGINT,
    end_reason       TEXT             NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
CREATE INDEX browser_sessions_of_user ON browser_sessions (user_id, ended_at);
CREATE INDEX browser_sessions_over ON browser_sessions (coalesce(ended_at, expires_at)); -- for deleting them

-- The browser session that a session came from; NULL: none. There is no index, since every search also names the user.
ALTER TABLE sessions ADD COLUMN browser_session_id TEXT COLLATE "C";

CREATE TABLE consents (
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    client_id  TEXT COLLATE "C" NOT NULL,
    resource   TEXT COLLATE "C" NOT NULL, -- RFC 8707; empty: none
    scopes     TEXT             NOT NULL,
    terms      TEXT             NOT NULL, -- the version of the terms that the user saw; empty: none
    granted_at BIGINT           NOT NULL,
    PRIMARY KEY (user_id, client_id, resource)
);

ALTER TABLE clients
    ADD COLUMN redirect_uris             TEXT    NOT NULL DEFAULT '[]',
    ADD COLUMN post_logout_redirect_uris TEXT    NOT NULL DEFAULT '[]',
    ADD COLUMN backchannel_logout_uri    TEXT    NOT NULL DEFAULT '',
    ADD COLUMN always_consent            BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN optional_pkce             BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down

ALTER TABLE clients
    DROP COLUMN optional_pkce,
    DROP COLUMN always_consent,
    DROP COLUMN backchannel_logout_uri,
    DROP COLUMN post_logout_redirect_uris,
    DROP COLUMN redirect_uris;
DROP TABLE consents;
ALTER TABLE sessions DROP COLUMN browser_session_id;
DROP TABLE browser_sessions;
