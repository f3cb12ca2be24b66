-- Repeated events become one row. Constant defaults are stored once for the
-- table, so no row is rewritten. Servers of the previous version add rows without the new columns.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE events
    ADD COLUMN count   BIGINT NOT NULL DEFAULT 1, -- events that the row stands for
    ADD COLUMN last_at BIGINT;                    -- of the last of them; NULL: at

-- +goose Down

DROP INDEX IF EXISTS events_of_user;
ALTER TABLE events
    DROP COLUMN last_at,
    DROP COLUMN count;
