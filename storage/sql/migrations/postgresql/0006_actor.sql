-- Who acted: a JSON object with "name", "address" and "request_id", as far as they are known. NULL for actions of users
-- themselves and of servers, and for events from before this migration. No row is rewritten.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE events ADD COLUMN actor TEXT;

-- +goose Down

ALTER TABLE events DROP COLUMN actor;
