-- How WeChat pushes messages about apps, and which of its notices were applied. The new column is nullable, so no row is
-- rewritten, and a server from before this migration works as before: it receives no pushes.
--
-- Oldest program: 13.

-- +goose Up

SET LOCAL lock_timeout = '1s';

CREATE TABLE pushes (
    platform     TEXT COLLATE "C" NOT NULL,
    app          TEXT COLLATE "C" NOT NULL,
    mode         TEXT             NOT NULL,
    sealed_keys  BYTEA            NOT NULL,
    former_keys  BYTEA,                     -- accepted until former_until; NULL: none
    former_until BIGINT,                    -- Unix time in milliseconds, as in the other columns
    set_at       BIGINT           NOT NULL,
    verified_at  BIGINT,
    received_at  BIGINT,
    PRIMARY KEY (platform, app)
);

-- One row for each notice, so that it is applied once.
CREATE TABLE withdrawals (
    id         BYTEA  NOT NULL PRIMARY KEY, -- SHA-256 of what identifies the notice
    applied_at BIGINT NOT NULL
);
CREATE INDEX withdrawals_applied ON withdrawals (applied_at); -- for deleting them

-- When the profile was last written, without the phone number; NULL: updated_at.
ALTER TABLE profiles ADD COLUMN profile_at BIGINT;

-- +goose Down

ALTER TABLE profiles DROP COLUMN profile_at;
DROP TABLE withdrawals;
DROP TABLE pushes;
