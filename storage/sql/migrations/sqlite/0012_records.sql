-- How migrations are recorded: each once, and from which migration on a program must know them to run on this database.
-- A migration that programs of the version before it cannot run with raises the mark to its own number.

-- +goose Up

CREATE UNIQUE INDEX lingpai_migrations_version ON lingpai_migrations (version_id);
INSERT INTO marks (name, value) VALUES ('oldest_program', '13');

-- +goose Down

DELETE FROM marks WHERE name = 'oldest_program';
DROP INDEX lingpai_migrations_version;
