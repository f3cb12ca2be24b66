-- Profiles, deletions and merges of users.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE users
    ADD COLUMN deletes_at  BIGINT,           -- when the user will be deleted; NULL: not scheduled
    ADD COLUMN joined_into TEXT COLLATE "C"; -- the survivor of the merge; NULL: not merged

-- 0013 replaces it.
ALTER INDEX sessions_of_user RENAME TO sessions_active;

CREATE TABLE profiles (
    user_id        TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES users (id),
    name           TEXT             NOT NULL DEFAULT '',
    nickname       TEXT             NOT NULL DEFAULT '',
    picture        TEXT             NOT NULL DEFAULT '',
    gender         TEXT             NOT NULL DEFAULT '',
    locale         TEXT             NOT NULL DEFAULT '',
    email          TEXT             NOT NULL DEFAULT '',
    chosen         BOOLEAN          NOT NULL DEFAULT false, -- the user set it, so platforms do not change it
    phone_number   TEXT             NOT NULL DEFAULT '',    -- E.164
    phone_verified BOOLEAN          NOT NULL DEFAULT false,
    phone_seen_at  BIGINT,
    updated_at     BIGINT           NOT NULL
);

CREATE TABLE joins (
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7, so ordered by time
    retired   TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    survivor  TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    moved     TEXT             NOT NULL,             -- JSON: identity.Moved
    at        BIGINT           NOT NULL,
    undone_at BIGINT
);
CREATE UNIQUE INDEX joins_of_retired ON joins (retired) WHERE undone_at IS NULL;
CREATE INDEX joins_of_survivor ON joins (survivor);

ALTER TABLE apps ADD COLUMN phone_budget BIGINT NOT NULL DEFAULT 0; -- phone numbers a month; negative: no limit

CREATE TABLE phone_uses (
    platform TEXT COLLATE "C" NOT NULL,
    app      TEXT COLLATE "C" NOT NULL,
    month    TEXT COLLATE "C" NOT NULL, -- 2026-11
    used     BIGINT           NOT NULL,
    PRIMARY KEY (platform, app, month)
);

-- +goose Down

DROP TABLE phone_uses;
ALTER TABLE apps DROP COLUMN phone_budget;
DROP TABLE joins;
DROP INDEX IF EXISTS accounts_of_union;
DROP TABLE profiles;
DROP INDEX IF EXISTS sessions_of_user;
DROP INDEX IF EXISTS sessions_active;
CREATE INDEX sessions_of_user ON sessions (user_id, client_id) WHERE ended_at IS NULL;
DROP INDEX IF EXISTS users_leaving;
ALTER TABLE users
    DROP COLUMN joined_into,
    DROP COLUMN deletes_at;
