-- Notices of withdrawals that were acknowledged and wait to be applied. A server from before this migration works as
-- before: it applies each notice before it acknowledges it.
--
-- Oldest program: 13.

-- +goose Up

-- A row is deleted when the notice has been applied; withdrawals then has its id.
CREATE TABLE withdrawal_notices (
    id          BLOB    NOT NULL PRIMARY KEY, -- as in withdrawals
    content     BLOB    NOT NULL,             -- what identity.WithdrawalNotice has
    received_at INTEGER NOT NULL,             -- Unix time in milliseconds, as due_at
    due_at      INTEGER NOT NULL,             -- when a server may claim it: at first, or again
    attempts    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX withdrawal_notices_due ON withdrawal_notices (due_at);

-- +goose Down

DROP TABLE withdrawal_notices;
