-- What clients are still to be told about sessions that have ended. It is a new table, so a server from before this
-- migration works as before; the sessions that it ends give no notice.
--
-- Oldest program: 13.

-- +goose Up

-- One row for each session whose end its client has not confirmed yet.
CREATE TABLE logout_notices (
    session_id TEXT    NOT NULL PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    client_id  TEXT    NOT NULL,
    ended_at   INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX logout_notices_due ON logout_notices (due_at);

-- +goose Down

DROP TABLE logout_notices;
