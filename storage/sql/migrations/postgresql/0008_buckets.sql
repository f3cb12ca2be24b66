-- Buckets of ended sessions, for the list of revocations.

-- +goose Up

SET LOCAL lock_timeout = '1s';

-- The bucket of the session's user (identity.Bucket), written when the session ends; -1: the session is not on the
-- list. NULL: it is active, or was ended by a server of a previous version. No row is rewritten.
ALTER TABLE sessions ADD COLUMN bucket INTEGER;

-- NULL: deleted by a server of a previous version. The user is no longer known.
ALTER TABLE ended_sessions ADD COLUMN bucket INTEGER;

-- +goose Down

DROP INDEX IF EXISTS ended_sessions_of_bucket;
ALTER TABLE ended_sessions DROP COLUMN bucket;
DROP INDEX IF EXISTS sessions_of_bucket;
DROP INDEX IF EXISTS sessions_listed;
ALTER TABLE sessions DROP COLUMN bucket;
