-- Roles and claims.

-- +goose Up

ALTER TABLE users ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE users ADD COLUMN claims TEXT NOT NULL DEFAULT ''; -- JSON object of at most 1 KiB; empty: none

-- +goose Down

ALTER TABLE users DROP COLUMN claims;
ALTER TABLE users DROP COLUMN roles;
