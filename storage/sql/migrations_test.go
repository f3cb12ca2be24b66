package sql

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// firstToRead is the number of the first migration whose programs read the mark oldest_program.
const firstToRead = 13

// migrationFile is what the rules for migrations look at.
type migrationFile struct {
	number        int
	oldest        int  // as its comment says: the oldest migration that a program must know to run after this one
	inTransaction bool // of its own
	up, down      []string
}

var (
	numbered     = regexp.MustCompile(`^(\d{4})_\w+\.sql$`)
	oldestLine   = regexp.MustCompile(`(?m)^-- Oldest program: (\d+)\.$`)
	lineComment  = regexp.MustCompile(`--[^\n]*`)
	raisesOldest = regexp.MustCompile(`^UPDATE marks SET value = '(\d+)' WHERE name = 'oldest_program'$`)
)

func parseMigration(name, text string) (file migrationFile) {
	file.number, _ = strconv.Atoi(numbered.FindStringSubmatch(name)[1])
	if found := oldestLine.FindStringSubmatch(text); found != nil {
		file.oldest, _ = strconv.Atoi(found[1])
	}
	file.inTransaction = !strings.Contains(text, "+goose NO TRANSACTION")
	up, down, _ := strings.Cut(text, "-- +goose Down")
	file.up, file.down = statements(up), statements(down)
	return file
}

// statements returns the statements of a text in one line each, without comments.
func statements(text string) (all []string) {
	for statement := range strings.SplitSeq(lineComment.ReplaceAllString(text, ""), ";") {
		if fields := strings.Fields(statement); len(fields) > 0 {
			all = append(all, strings.Join(fields, " "))
		}
	}
	return all
}

var (
	createsTable = regexp.MustCompile(`^CREATE TABLE (\w+)`)
	createsIndex = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX (CONCURRENTLY IF NOT EXISTS )?\w+ ON (\w+)`)
	addsColumns  = regexp.MustCompile(`^ALTER TABLE \w+ ADD COLUMN `)
	// A default that is not a constant, and a new constraint, make PostgreSQL write or read all rows.
	readsRows = regexp.MustCompile(`\b(REFERENCES|CHECK|UNIQUE|PRIMARY KEY|GENERATED)\b|DEFAULT \w*\(|DEFAULT CURRENT_`)
	fills     = regexp.MustCompile(`\bNOT NULL\b`)
	fillsIn   = regexp.MustCompile(`\bNOT NULL DEFAULT\b`)
)

// additive reports whether programs from before a statement can run after it. created are the tables that the migration
// has created itself.
func additive(statement string, created []string) bool {
	if index := createsIndex.FindStringSubmatch(statement); index != nil {
		return index[1] == "" || slices.Contains(created, index[3])
	}
	if addsColumns.MatchString(statement) {
		return !readsRows.MatchString(statement) &&
			len(fills.FindAllString(statement, -1)) == len(fillsIn.FindAllString(statement, -1))
	}
	return createsTable.MatchString(statement) || statement == lockTimeout
}

const lockTimeout = "SET LOCAL lock_timeout = '1s'"

// brokenCompatibility returns what is wrong with what a migration says about older programs. before is the mark that
// the migrations before it leave.
func brokenCompatibility(file migrationFile, before int) (faults []string) {
	if file.oldest == 0 {
		return []string{`a comment "-- Oldest program: N." must say which migration a program must know at least`}
	}
	var created []string
	for _, statement := range file.up {
		if table := createsTable.FindStringSubmatch(statement); table != nil {
			created = append(created, table[1])
		}
		if !additive(statement, created) && file.oldest != file.number {
			faults = append(faults, "only a program that knows the migration can run after: "+statement)
		}
	}
	if file.oldest == before {
		return faults
	}
	for _, mark := range []struct {
		statements []string
		value      int
	}{{file.up, file.oldest}, {file.down, before}} {
		if !slices.ContainsFunc(mark.statements, func(s string) bool {
			found := raisesOldest.FindStringSubmatch(s)
			return found != nil && found[1] == strconv.Itoa(mark.value)
		}) {
			faults = append(faults, "no statement sets oldest_program to "+strconv.Itoa(mark.value))
		}
	}
	return faults
}

// brokenLocks returns the statements of a migration for PostgreSQL that could keep others waiting for a table.
func brokenLocks(file migrationFile) (faults []string) {
	var created []string
	for _, statement := range file.up {
		if table := createsTable.FindStringSubmatch(statement); table != nil {
			created = append(created, table[1])
			continue
		}
		index := createsIndex.FindStringSubmatch(statement)
		switch {
		case index != nil && (slices.Contains(created, index[3]) || index[3] == versionTable):
		case index != nil && (index[2] == "" || file.inTransaction):
			faults = append(faults, "not built CONCURRENTLY IF NOT EXISTS, with NO TRANSACTION: "+statement)
		case !file.inTransaction && index == nil && !strings.HasPrefix(statement, "DROP INDEX CONCURRENTLY IF EXISTS "):
			faults = append(faults, "cannot be repeated, or belongs into a transaction: "+statement)
		case strings.HasPrefix(statement, "ALTER ") || strings.HasPrefix(statement, "DROP "):
			if file.inTransaction && file.up[0] != lockTimeout {
				faults = append(faults, "without "+lockTimeout+" at the beginning: "+statement)
			}
			if readsRows.MatchString(statement) && !strings.HasSuffix(statement, " NOT VALID") ||
				strings.Contains(statement, " ALTER COLUMN ") {
				faults = append(faults, "reads or writes all rows: "+statement)
			}
		}
	}
	return faults
}

func migrationFiles(t *testing.T, folder string) (files []migrationFile) {
	t.Helper()
	entries, err := fs.ReadDir(migrations, folder)
	require.NoError(t, err)
	for _, entry := range entries {
		text, err := fs.ReadFile(migrations, path.Join(folder, entry.Name()))
		require.NoError(t, err)
		files = append(files, parseMigration(entry.Name(), string(text)))
	}
	return files
}

func TestMigrationsSayWhichProgramsMayRun(t *testing.T) {
	for _, d := range []dialect{dialectSQLite, dialectPostgreSQL} {
		before := firstToRead
		for _, file := range migrationFiles(t, d.migrations) {
			if file.number > firstToRead {
				require.Empty(t, brokenCompatibility(file, before), "%s %d", d.migrations, file.number)
				before = file.oldest
			}
		}
	}
}

func TestMigrationsKeepNobodyWaiting(t *testing.T) {
	for _, file := range migrationFiles(t, dialectPostgreSQL.migrations) {
		require.Empty(t, brokenLocks(file), file.number)
	}
}

func TestRulesForMigrations(t *testing.T) {
	const up, oldest = "-- +goose Up\n", "-- Oldest program: 13.\n"
	for text, faults := range map[string]int{
		oldest + up + "ALTER TABLE users ADD COLUMN a TEXT, ADD COLUMN b BIGINT NOT NULL DEFAULT 0;": 0,
		oldest + up + "CREATE TABLE a (id TEXT PRIMARY KEY); CREATE UNIQUE INDEX i ON a (id);":       0,
		oldest + up + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users (a);":                      0,
		up + "CREATE TABLE a (id TEXT);":                                               1,
		oldest + up + "ALTER TABLE users ADD COLUMN a TEXT NOT NULL;":                  1,
		oldest + up + "ALTER TABLE users ADD COLUMN a TEXT REFERENCES users;":          1,
		oldest + up + "ALTER TABLE users DROP COLUMN a; -- c":                          1,
		oldest + up + "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON users (a);": 1,
		oldest + up + "DROP TABLE users; UPDATE sessions SET scope = '';":              2,
		"-- Oldest program: 20.\n" + up + "DROP TABLE a;":                              2,
		"-- Oldest program: 20.\n" + up + "DROP TABLE a; UPDATE marks SET value = '20' WHERE name = 'oldest_program';" +
			"\n-- +goose Down\nUPDATE marks SET value = '13' WHERE name = 'oldest_program';": 0,
	} {
		require.Len(t, brokenCompatibility(parseMigration("0020_name.sql", text), 13), faults, text)
	}
	const alone = "-- +goose NO TRANSACTION\n" + up
	for text, faults := range map[string]int{
		up + "SET LOCAL lock_timeout = '1s'; ALTER TABLE users ADD COLUMN a TEXT;":                         0,
		up + "SET LOCAL lock_timeout = '1s'; ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0) NOT VALID;":      0,
		up + "CREATE TABLE a (id TEXT); CREATE INDEX i ON a (id);":                                         0,
		alone + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users (a);":                                  0,
		up + "ALTER TABLE users ADD COLUMN a TEXT;":                                                        1,
		up + "SET LOCAL lock_timeout = '1s'; ALTER TABLE users ADD COLUMN a BIGINT DEFAULT random();":      1,
		up + "SET LOCAL lock_timeout = '1s'; ALTER TABLE users ALTER COLUMN id TYPE BIGINT;":               1,
		up + "SET LOCAL lock_timeout = '1s'; ALTER TABLE a ADD CONSTRAINT b CHECK (c > 0);":                1,
		up + "CREATE INDEX i ON users (a);":                                                                1,
		up + "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users (a);":                                     1,
		alone + "CREATE INDEX CONCURRENTLY i ON users (a);":                                                1,
		alone + "ALTER TABLE users ADD COLUMN a TEXT; CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (a);": 1,
	} {
		require.Len(t, brokenLocks(parseMigration("0020_name.sql", text)), faults, text)
	}
}
