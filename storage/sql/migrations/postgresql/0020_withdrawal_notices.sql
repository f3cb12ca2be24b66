-- Notices of withdrawals that were acknowledged and wait to be applied. A server from before this migration works as
-- before: it applies each notice before it acknowledges it.
--
-- Oldest program: 13.

-- +goose Up

-- A row is deleted when the notice has been applied; withdrawals then has its id.
CREATE TABLE withdrawal_notices (
    id          BYTEA  NOT NULL PRIMARY KEY, -- as in withdrawals
    content     BYTEA  NOT NULL,             -- what identity.WithdrawalNotice has
    received_at BIGINT NOT NULL,             -- Unix time in milliseconds, as due_at
    due_at      BIGINT NOT NULL,             -- when a server may claim it: at first, or again
    attempts    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX withdrawal_notices_due ON withdrawal_notices (due_at);

-- +goose Down

DROP TABLE withdrawal_notices;
