-- Data for the list of revocations.

-- +goose Up

-- A refresh changes no column of the index, so it stays a HOT update (see 0001).
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

-- Sessions of deleted users, for as long as their access tokens may be valid.
CREATE TABLE ended_sessions (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    ended_at BIGINT           NOT NULL
);
CREATE INDEX ended_sessions_of_time ON ended_sessions (ended_at);

-- +goose Down

DROP TABLE ended_sessions;
DROP INDEX sessions_ended;
