-- PostgreSQL builds indexes here. SQLite has them from 0003 to 0010: its writes wait for any migration.

-- +goose Up

-- +goose Down
