-- What user names look like. "lingpai migrate up" fills the column after this migration; servers do so with the names
-- that servers of the previous version store meanwhile.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE users ADD COLUMN username_skeleton TEXT COLLATE "C"; -- UTS 39, regardless of case; NULL: not filled yet

-- Names that are being taken. A transaction that takes a name writes the row of its skeleton, and so waits for another
-- one with the same skeleton. Rows that are an hour old are deleted.
CREATE TABLE username_locks (
    skeleton  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    locked_at BIGINT           NOT NULL
);

-- +goose Down

DROP TABLE username_locks;
DROP INDEX IF EXISTS users_without_skeleton;
DROP INDEX IF EXISTS users_username_skeleton;
ALTER TABLE users DROP COLUMN username_skeleton;
