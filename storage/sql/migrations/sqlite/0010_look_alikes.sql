-- What user names look like. "lingpai migrate up" fills the column after this migration; servers do so with the names
-- that servers of the previous version store meanwhile.

-- +goose Up

ALTER TABLE users ADD COLUMN username_skeleton TEXT; -- UTS 39, regardless of case; NULL: not filled yet
CREATE INDEX users_username_skeleton ON users (username_skeleton) WHERE username_skeleton IS NOT NULL;
CREATE INDEX users_without_skeleton ON users (id) WHERE username_key IS NOT NULL AND username_skeleton IS NULL;

-- +goose Down

DROP INDEX users_without_skeleton;
DROP INDEX users_username_skeleton;
ALTER TABLE users DROP COLUMN username_skeleton;
