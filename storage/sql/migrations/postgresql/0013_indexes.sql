-- The indexes that 0003 to 0010 need on tables from before them. They are built while the tables are written. Databases
-- that earlier versions of these migrations brought here have them.

-- +goose NO TRANSACTION
-- +goose Up

CREATE INDEX CONCURRENTLY IF NOT EXISTS users_leaving ON users (deletes_at) WHERE deletes_at IS NOT NULL;

-- Deleting a user, and the foreign key, also look for ended sessions. Active sessions are adjacent. No index of sessions
-- has a column that a refresh changes, so that a refresh stays a HOT update (see 0001).
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_of_user ON sessions (user_id, ended_at, client_id);
DROP INDEX CONCURRENTLY IF EXISTS sessions_active;

-- For finding users of one union who are not merged.
CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_of_union
    ON accounts (platform, open_platform COLLATE "C", union_id COLLATE "C")
    WHERE union_id <> '' AND open_platform <> '';

-- For the list of revocations.
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_listed
    ON sessions (ended_at) WHERE ended_at IS NOT NULL AND coalesce(bucket, 0) >= 0;
CREATE INDEX CONCURRENTLY IF NOT EXISTS sessions_of_bucket
    ON sessions (bucket, (-ended_at)) WHERE ended_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS ended_sessions_of_bucket ON ended_sessions (bucket, (-ended_at));

CREATE INDEX CONCURRENTLY IF NOT EXISTS events_of_user ON events (user_id, kind, id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS users_username_skeleton
    ON users (username_skeleton) WHERE username_skeleton IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_without_skeleton
    ON users (id) WHERE username_key IS NOT NULL AND username_skeleton IS NULL;

-- +goose Down

-- The migrations that the indexes belong to drop them.
