-- Postal addresses, and claims that clients request one by one. Constant defaults are stored once for the table, so no row is
-- rewritten, and a server from before this migration works as before: it ignores both.
--
-- Oldest program: 13.

-- +goose Up

SET LOCAL lock_timeout = '1s';
ALTER TABLE profiles ADD COLUMN address TEXT NOT NULL DEFAULT '';
-- Such as "address:iu email:i name:u", for claims in ID tokens (i) and at the userinfo endpoint (u); empty: none.
ALTER TABLE sessions ADD COLUMN claims TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE sessions DROP COLUMN claims;
ALTER TABLE profiles DROP COLUMN address;
