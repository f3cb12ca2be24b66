-- Repeated events become one row, and a user's events are found by an index. Constant defaults are stored once for the
-- table, so no row is rewritten. Servers of the previous version add rows without the new columns.

-- +goose Up

ALTER TABLE events
    ADD COLUMN count   BIGINT NOT NULL DEFAULT 1, -- events that the row stands for
    ADD COLUMN last_at BIGINT;                    -- of the last of them; NULL: at
CREATE INDEX events_of_user ON events (user_id, kind, id);

-- +goose Down

DROP INDEX events_of_user;
ALTER TABLE events
    DROP COLUMN last_at,
    DROP COLUMN count;
