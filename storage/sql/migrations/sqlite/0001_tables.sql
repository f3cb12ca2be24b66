-- The tables of version 1. Times are milliseconds since 1970 (UTC); NULL: not set. Lists are JSON arrays.

-- +goose Up

CREATE TABLE users (
    id            TEXT    NOT NULL PRIMARY KEY,   -- "sub" of every token
    username      TEXT,                           -- as the user wrote it
    username_key  TEXT    UNIQUE,                 -- RFC 8265 UsernameCaseMapped
    password_hash TEXT    NOT NULL DEFAULT '',    -- PHC string; empty: no password
    auth_epoch    INTEGER NOT NULL DEFAULT 0,     -- sign-ins that began under an older one must not open sessions
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER
) STRICT;

-- What remains of a deleted user: the subject is never reused.
CREATE TABLE retired_subjects (
    hash       BLOB    NOT NULL PRIMARY KEY,      -- SHA-256 of the subject
    successor  TEXT,                              -- of a merged user
    retired_at INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    platform      TEXT    NOT NULL,
    app           TEXT    NOT NULL,
    subject       TEXT    NOT NULL,               -- WeChat's openid
    user_id       TEXT    NOT NULL REFERENCES users (id),
    union_id      TEXT    NOT NULL DEFAULT '',    -- as last reported
    open_platform TEXT    NOT NULL DEFAULT '',    -- as last reported
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (platform, app, subject),
    UNIQUE (user_id, platform, app)
) STRICT, WITHOUT ROWID;

CREATE TABLE unions (
    platform      TEXT    NOT NULL,
    open_platform TEXT    NOT NULL,
    union_id      TEXT    NOT NULL,
    user_id       TEXT    NOT NULL REFERENCES users (id),
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (platform, open_platform, union_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX unions_of_user ON unions (user_id);

CREATE TABLE apps (
    platform      TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    sealed_secret BLOB    NOT NULL,
    open_platform TEXT    NOT NULL,
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (platform, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    id             TEXT    NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL,
    confidential   INTEGER NOT NULL,
    secret_hash    BLOB,                          -- SHA-256 of a generated secret
    first_party    INTEGER NOT NULL,
    grants         TEXT    NOT NULL,
    scopes         TEXT    NOT NULL,
    default_scopes TEXT    NOT NULL,
    audience       TEXT    NOT NULL,
    apps           TEXT    NOT NULL,
    origins        TEXT    NOT NULL,
    wechat_claims  INTEGER NOT NULL,
    access_ttl     INTEGER NOT NULL,              -- milliseconds; 0: the server's default; also of the next two
    idle_ttl       INTEGER NOT NULL,
    absolute_ttl   INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    disabled_at    INTEGER
) STRICT;

-- One row per sign-in, however often it is refreshed. No index has a column that a refresh changes (generation, rotations,
-- idle_expires_at, last_seen_at).
CREATE TABLE sessions (
    id               TEXT    NOT NULL PRIMARY KEY, -- UUIDv7
    user_id          TEXT    NOT NULL REFERENCES users (id),
    account_platform TEXT,                         -- the account that signed in; NULL: none
    account_app      TEXT,
    account_subject  TEXT,
    client_id        TEXT    NOT NULL,
    scope            TEXT    NOT NULL,
    method           TEXT    NOT NULL,
    auth_time        INTEGER NOT NULL,
    generation       INTEGER NOT NULL,
    rotations        BLOB,                         -- see sessions.go
    opened_by        BLOB,                         -- HMAC of the value that identifies an idempotent sign-in
    secret_hash      BLOB    NOT NULL,             -- SHA-256 of the session secret
    idle_expires_at  INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL,
    device           TEXT    NOT NULL,
    ended_at         INTEGER,
    end_reason       TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id, client_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX sessions_opened_by ON sessions (opened_by) WHERE opened_by IS NOT NULL;

CREATE TABLE keys (
    purpose      TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,                 -- unique with purpose, so that one replica creates the next key
    id           TEXT    NOT NULL UNIQUE,
    sealed       BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    announced_at INTEGER,
    signing_at   INTEGER,
    retired_at   INTEGER,
    gone_at      INTEGER,
    PRIMARY KEY (purpose, sequence)
) STRICT;

CREATE TABLE events (
    id         TEXT    NOT NULL PRIMARY KEY,       -- UUIDv7, so ordered by time
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    user_id    TEXT    NOT NULL,
    client_id  TEXT    NOT NULL,
    session_id TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) STRICT;

-- Small facts about the database itself, such as the name of its creator.
CREATE TABLE marks (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- +goose Down

DROP TABLE marks;
DROP TABLE events;
DROP TABLE keys;
DROP TABLE sessions;
DROP TABLE clients;
DROP TABLE apps;
DROP TABLE unions;
DROP TABLE accounts;
DROP TABLE retired_subjects;
DROP TABLE users;
