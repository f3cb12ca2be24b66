-- The tables of version 1. Times are milliseconds since 1970 (UTC); NULL: not set. Lists are JSON arrays. Keys are compared by bytes
-- (COLLATE "C"): their order is the same everywhere, and an update of the system's locales does not invalidate an index.

-- +goose Up

CREATE TABLE users (
    id            TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- "sub" of every token
    username      TEXT,                                  -- as the user wrote it
    username_key  TEXT COLLATE "C" UNIQUE,               -- RFC 8265 UsernameCaseMapped
    password_hash TEXT             NOT NULL DEFAULT '',  -- PHC string; empty: no password
    auth_epoch    BIGINT           NOT NULL DEFAULT 0,   -- sign-ins that began under an older one must not open sessions
    created_at    BIGINT           NOT NULL,
    disabled_at   BIGINT
);

-- What remains of a deleted user: the subject is never reused.
CREATE TABLE retired_subjects (
    hash       BYTEA            NOT NULL PRIMARY KEY, -- SHA-256 of the subject
    successor  TEXT COLLATE "C",                      -- of a merged user
    retired_at BIGINT           NOT NULL
);

CREATE TABLE accounts (
    platform      TEXT COLLATE "C" NOT NULL,
    app           TEXT COLLATE "C" NOT NULL,
    subject       TEXT COLLATE "C" NOT NULL,            -- WeChat's openid
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    union_id      TEXT             NOT NULL DEFAULT '', -- as last reported
    open_platform TEXT             NOT NULL DEFAULT '', -- as last reported
    created_at    BIGINT           NOT NULL,
    PRIMARY KEY (platform, app, subject),
    UNIQUE (user_id, platform, app)
);

CREATE TABLE unions (
    platform      TEXT COLLATE "C" NOT NULL,
    open_platform TEXT COLLATE "C" NOT NULL,
    union_id      TEXT COLLATE "C" NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    created_at    BIGINT           NOT NULL,
    PRIMARY KEY (platform, open_platform, union_id)
);
CREATE INDEX unions_of_user ON unions (user_id);

CREATE TABLE apps (
    platform      TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    kind          TEXT             NOT NULL,
    name          TEXT             NOT NULL,
    sealed_secret BYTEA            NOT NULL,
    open_platform TEXT             NOT NULL,
    created_at    BIGINT           NOT NULL,
    PRIMARY KEY (platform, id)
);

CREATE TABLE clients (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name           TEXT             NOT NULL,
    confidential   BOOLEAN          NOT NULL,
    secret_hash    BYTEA,                     -- SHA-256 of a generated secret
    first_party    BOOLEAN          NOT NULL,
    grants         TEXT             NOT NULL,
    scopes         TEXT             NOT NULL,
    default_scopes TEXT             NOT NULL,
    audience       TEXT             NOT NULL,
    apps           TEXT             NOT NULL,
    origins        TEXT             NOT NULL,
    wechat_claims  BOOLEAN          NOT NULL,
    access_ttl     BIGINT           NOT NULL, -- milliseconds; 0: the server's default; also of the next two
    idle_ttl       BIGINT           NOT NULL,
    absolute_ttl   BIGINT           NOT NULL,
    created_at     BIGINT           NOT NULL,
    disabled_at    BIGINT
);

-- One row per sign-in, however often it is refreshed. No index has a column that a refresh changes (generation, rotations,
-- idle_expires_at, last_seen_at), and every page keeps room for new versions of rows: so a refresh writes one page, and later ones
-- remove the old version (a heap-only tuple, HOT).
CREATE TABLE sessions (
    id               TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7
    user_id          TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    account_platform TEXT,                                  -- the account that signed in; NULL: none
    account_app      TEXT,
    account_subject  TEXT,
    client_id        TEXT COLLATE "C" NOT NULL,
    scope            TEXT             NOT NULL,
    method           TEXT             NOT NULL,
    auth_time        BIGINT           NOT NULL,
    generation       BIGINT           NOT NULL,
    rotations        BYTEA,                                 -- see sessions.go
    opened_by        BYTEA,                                 -- HMAC of the value that identifies an idempotent sign-in
    secret_hash      BYTEA            NOT NULL,             -- SHA-256 of the session secret
    idle_expires_at  BIGINT           NOT NULL,
    expires_at       BIGINT           NOT NULL,
    last_seen_at     BIGINT           NOT NULL,
    device           TEXT             NOT NULL,
    ended_at         BIGINT,
    end_reason       TEXT             NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
CREATE INDEX sessions_of_user ON sessions (user_id, client_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX sessions_opened_by ON sessions (opened_by) WHERE opened_by IS NOT NULL;

CREATE TABLE keys (
    purpose      TEXT COLLATE "C" NOT NULL,
    sequence     BIGINT           NOT NULL, -- unique with purpose, so that one replica creates the next key
    id           TEXT COLLATE "C" NOT NULL UNIQUE,
    sealed       BYTEA            NOT NULL,
    created_at   BIGINT           NOT NULL,
    announced_at BIGINT,
    signing_at   BIGINT,
    retired_at   BIGINT,
    gone_at      BIGINT,
    PRIMARY KEY (purpose, sequence)
);

CREATE TABLE events (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7, so ordered by time
    at         BIGINT           NOT NULL,
    kind       TEXT             NOT NULL,
    user_id    TEXT             NOT NULL,
    client_id  TEXT             NOT NULL,
    session_id TEXT             NOT NULL,
    detail     TEXT             NOT NULL
);

-- Small facts about the database itself, such as the name of its creator.
CREATE TABLE marks (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT             NOT NULL
);

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
