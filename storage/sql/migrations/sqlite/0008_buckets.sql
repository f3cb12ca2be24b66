-- Buckets of ended sessions, for the list of revocations.

-- +goose Up

-- The bucket of the session's user (identity.Bucket), written when the session ends; -1: the session is not on the
-- list. NULL: it is active, or was ended by a server of a previous version. No row is rewritten.
ALTER TABLE sessions ADD COLUMN bucket INTEGER;
CREATE INDEX sessions_listed ON sessions (ended_at) WHERE ended_at IS NOT NULL AND coalesce(bucket, 0) >= 0;
CREATE INDEX sessions_of_bucket ON sessions (bucket, (-ended_at)) WHERE ended_at IS NOT NULL;
-- Servers of the previous version need the index sessions_ended of 0005, so it stays for now.

-- NULL: deleted by a server of a previous version. The user is no longer known.
ALTER TABLE ended_sessions ADD COLUMN bucket INTEGER;
CREATE INDEX ended_sessions_of_bucket ON ended_sessions (bucket, (-ended_at));

-- +goose Down

DROP INDEX ended_sessions_of_bucket;
ALTER TABLE ended_sessions DROP COLUMN bucket;
DROP INDEX sessions_of_bucket;
DROP INDEX sessions_listed;
ALTER TABLE sessions DROP COLUMN bucket;
