-- How WeChat pushes messages about apps, and which of its notices were applied. The new column is nullable, so no row is
-- rewritten, and a server from before this migration works as before: it receives no pushes.
--
-- Oldest program: 13.

-- +goose Up

CREATE TABLE pushes (
    platform     TEXT    NOT NULL,
    app          TEXT    NOT NULL,
    mode         TEXT    NOT NULL,
    sealed_keys  BLOB    NOT NULL,
    former_keys  BLOB,             -- accepted until former_until; NULL: none
    former_until INTEGER,          -- Unix time in milliseconds, as in the other columns
    set_at       INTEGER NOT NULL,
    verified_at  INTEGER,
    received_at  INTEGER,
    PRIMARY KEY (platform, app)
) STRICT;

-- One row for each notice, so that it is applied once.
CREATE TABLE withdrawals (
    id         BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of what identifies the notice
    applied_at INTEGER NOT NULL
) STRICT;
CREATE INDEX withdrawals_applied ON withdrawals (applied_at); -- for deleting them

-- When the profile was last written, without the phone number; NULL: updated_at.
ALTER TABLE profiles ADD COLUMN profile_at INTEGER;

-- +goose Down

ALTER TABLE profiles DROP COLUMN profile_at;
DROP TABLE withdrawals;
DROP TABLE pushes;
