-- What clients are still to be told about sessions that have ended. It is a new table, so a server from before this
-- migration works as before; the sessions that it ends give no notice.
--
-- Oldest program: 13.

-- +goose Up

SET LOCAL lock_timeout = '1s';

-- One row for each session whose end its client has not confirmed yet. There are few rows, and they are short-lived.
CREATE TABLE logout_notices (
    session_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id    TEXT COLLATE "C" NOT NULL,
    client_id  TEXT COLLATE "C" NOT NULL,
    ended_at   BIGINT           NOT NULL,
    due_at     BIGINT           NOT NULL,
    attempts   BIGINT           NOT NULL DEFAULT 0
);
CREATE INDEX logout_notices_due ON logout_notices (due_at);

-- +goose Down

DROP TABLE logout_notices;
