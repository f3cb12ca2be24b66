-- Repeated events become one row, and a user's events are found by an index.

-- +goose Up

ALTER TABLE events ADD COLUMN count INTEGER NOT NULL DEFAULT 1; -- events that the row stands for
ALTER TABLE events ADD COLUMN last_at INTEGER;                  -- of the last of them; NULL: at
CREATE INDEX events_of_user ON events (user_id, kind, id);

-- +goose Down

DROP INDEX events_of_user;
ALTER TABLE events DROP COLUMN last_at;
ALTER TABLE events DROP COLUMN count;
