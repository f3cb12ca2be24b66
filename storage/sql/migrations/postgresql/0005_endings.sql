-- Data for the list of revocations.

-- +goose Up

-- Sessions of deleted users, for as long as their access tokens may be valid.
CREATE TABLE ended_sessions (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    ended_at BIGINT           NOT NULL
);
CREATE INDEX ended_sessions_of_time ON ended_sessions (ended_at);

-- +goose Down

DROP TABLE ended_sessions;
DROP INDEX IF EXISTS sessions_ended;
