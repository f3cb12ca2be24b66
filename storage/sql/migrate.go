package sql

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// versionTable lists the migrations that were applied. The name is specific to Lingpai, so that the database of
// another program that uses goose is recognized.
const versionTable = "lingpai_migrations"

// ErrSchema means that the schema of the database is not the one that this version needs.
var ErrSchema = errors.New("the database schema does not fit this version of lingpai")

var errOtherProgram = fmt.Errorf("%w: it contains tables of another program", ErrSchema)

// Schema is the schema of a database, and its migrations.
type Schema struct{ db *DB }

// Schema returns the database's schema.
func (db *DB) Schema() *Schema { return &Schema{db} }

// Migration is one step of the schema.
type Migration struct {
	Name      string    // of the file; of an unknown one only the number
	AppliedAt time.Time // zero: not applied
	Unknown   bool      // only a newer version has it
}

// migrator returns an error if the database is another program's.
func (s *Schema) migrator(ctx context.Context) (*goose.Provider, error) {
	tables, err := s.tables(ctx)
	if err != nil {
		return nil, err
	}
	if len(tables) > 0 && !slices.Contains(tables, versionTable) {
		return nil, errOtherProgram
	}
	folder, err := fs.Sub(migrations, s.db.dialect.migrations)
	if err != nil {
		return nil, err
	}
	connections, err := s.db.write.DB()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(s.db.dialect.goose, connections, folder, goose.WithTableName(versionTable))
}

// tables returns the names of the tables.
func (s *Schema) tables(ctx context.Context) ([]string, error) {
	return scanAll[string](s.db.read.WithContext(ctx), s.db.dialect.tables)
}

// Status returns every migration, also unknown ones, and when it was applied.
func (s *Schema) Status(ctx context.Context) ([]Migration, error) {
	migrator, err := s.migrator(ctx)
	if err != nil {
		return nil, err
	}
	statuses, err := migrator.Status(ctx)
	if err != nil {
		return nil, advised(err)
	}
	var steps []Migration
	for _, status := range statuses {
		steps = append(steps, Migration{Name: path.Base(status.Source.Path), AppliedAt: status.AppliedAt})
	}
	unknown, err := s.Unknown(ctx)
	return append(steps, unknown...), err
}

// Unknown returns the migrations that a newer version has applied.
func (s *Schema) Unknown(ctx context.Context) ([]Migration, error) {
	current, target, err := s.versions(ctx)
	if err != nil || current <= target {
		return nil, err
	}
	type row struct {
		VersionID int64
		Tstamp    time.Time
	}
	return listed(s.db.read.WithContext(ctx), func(r row) Migration {
		return Migration{Name: fmt.Sprintf("%04d", r.VersionID), AppliedAt: r.Tstamp, Unknown: true}
	}, "SELECT version_id, tstamp FROM "+versionTable+" WHERE version_id > ? ORDER BY version_id", target)
}

// Migrated reports whether any migration was ever applied.
func (s *Schema) Migrated(ctx context.Context) (bool, error) {
	current, _, err := s.versions(ctx)
	return current > 0, err
}

// oldestProgram is the name of the mark with the number of a migration: a program that does not know it cannot run on
// the database, even if it knows all earlier ones.
const oldestProgram = "oldest_program"

// Check returns an ErrSchema that says what to do, unless this version can run on the schema: it is the one that it
// needs, or a newer version has added to it what does not disturb this one.
func (s *Schema) Check(ctx context.Context) error {
	current, target, err := s.versions(ctx)
	switch {
	case err != nil:
		return err
	case current < target:
		return fmt.Errorf("%w: run \"lingpai migrate up\" (it is at version %d of %d)", ErrSchema, current, target)
	case current == target:
		return nil
	}
	mark, err := s.db.Marks().Marked(ctx, oldestProgram)
	if err != nil {
		return err
	}
	if oldest, err := strconv.ParseInt(mark, 10, 64); err != nil || target < oldest {
		return fmt.Errorf("%w: it was migrated by a newer version (%d, this one knows %d) in a way that this one "+
			"cannot run on; use that version, or undo its migrations with it", ErrSchema, current, target)
	}
	return nil
}

// versions returns the newest migration that was applied and the newest that exists. It writes nothing into an empty
// database.
func (s *Schema) versions(ctx context.Context) (current, target int64, err error) {
	target, err = s.newest()
	if err != nil {
		return 0, 0, err
	}
	if current, err = s.applied(ctx); err == nil {
		return current, target, nil
	}
	switch tables, err := s.tables(ctx); {
	case err != nil:
		return 0, target, err
	case slices.Contains(tables, versionTable): // perhaps another server has just created it
		current, err = s.applied(ctx)
		return current, target, err
	case len(tables) > 0:
		return 0, target, errOtherProgram
	}
	return 0, target, nil
}

// applied returns the number of the newest migration that was applied.
func (s *Schema) applied(ctx context.Context) (current int64, err error) {
	err = s.db.read.WithContext(ctx).Raw("SELECT coalesce(max(version_id), 0) FROM " + versionTable +
		" WHERE is_applied").Scan(&current).Error
	return current, ended(ctx, err)
}

// newest returns the number of the newest migration, with which the name of its file begins.
func (s *Schema) newest() (int64, error) {
	files, err := migrations.ReadDir(s.db.dialect.migrations) // sorted
	if err != nil {
		return 0, err
	}
	number, _, _ := strings.Cut(files[len(files)-1].Name(), "_")
	return strconv.ParseInt(number, 10, 64)
}

// A migration that waits for a lock fails after a second (lock_timeout in its file), since everybody else who wants the
// table waits behind it. It is tried again this often, with a pause in which the others proceed.
const (
	lockTries = 60
	lockPause = time.Second
)

// MigrateUp applies missing migrations and returns their names. It applies none and returns the error of Check if a
// newer version has migrated the database.
//
// A migration runs in one transaction together with its entry in versionTable. Those that build indexes in PostgreSQL
// while the table is written cannot, so they can be repeated. If several servers migrate at the same time, the slower
// one usually waits (see exclude); if not, it fails, since the tables or the entry exist already, and tries again
// for as long as the version of the database grows.
func (s *Schema) MigrateUp(ctx context.Context) ([]string, error) {
	current, target, err := s.versions(ctx)
	if err != nil {
		return nil, err
	}
	if current > target {
		return nil, s.Check(ctx)
	}
	migrator, err := s.migrator(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for tries := 0; ; {
		name, failure := s.step(ctx, migrator)
		switch {
		case errors.Is(failure, goose.ErrNoNextVersion):
			return names, nil
		case failure == nil:
			names, tries = append(names, name), 0
			continue
		}
		reached, err := migrator.GetDBVersion(ctx)
		switch {
		case err != nil:
			return names, advised(failure)
		case reached > current:
			current, tries = reached, 0
		case !isLocked(failure):
			return names, advised(failure)
		case tries == lockTries:
			return names, fmt.Errorf("%w; a transaction that remains open locks a table: end it "+
				"(pg_stat_activity lists it), and run the command again", failure)
		default:
			tries++
			if err := pause(ctx, lockPause); err != nil {
				return names, errors.Join(failure, err)
			}
		}
	}
}

// step applies the next migration and returns its name. It returns goose.ErrNoNextVersion if all are applied.
func (s *Schema) step(ctx context.Context, migrator *goose.Provider) (string, error) {
	if s.db.config != nil {
		release, err := s.exclude(ctx)
		if err != nil {
			return "", err
		}
		defer release()
		if err := s.repairIndexes(ctx); err != nil {
			return "", err
		}
	}
	result, err := migrator.UpByOne(ctx)
	if err != nil {
		return "", err
	}
	return path.Base(result.Source.Path), nil
}

// isLocked reports whether PostgreSQL rejected a statement because of other transactions.
func isLocked(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return isUndone(err) || ok && failure.Code == "55P03" // lock_not_available
}

// pause waits, or returns the error of a context that ends before.
func pause(ctx context.Context, duration time.Duration) error {
	select {
	case <-time.After(duration):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// MigrateDown undoes the last migration and returns its name. It returns an ErrSchema if only a newer version has it.
func (s *Schema) MigrateDown(ctx context.Context) (string, error) {
	current, target, err := s.versions(ctx)
	if err != nil {
		return "", err
	}
	if current > target {
		return "", fmt.Errorf("%w: migration %d is a newer version's (this one knows %d); undo it with that version",
			ErrSchema, current, target)
	}
	migrator, err := s.migrator(ctx)
	if err != nil {
		return "", err
	}
	result, err := migrator.Down(ctx)
	if errors.Is(err, goose.ErrNoNextVersion) {
		return "", errors.New("there is no migration to undo")
	}
	if err != nil {
		return "", advised(err)
	}
	return path.Base(result.Source.Path), nil
}

// exclude waits until no other server migrates, and keeps others from it until release is called, with a lock on the
// table marks, on a connection of its own. Two servers that build indexes of one table at the same time would otherwise
// end in a deadlock again and again. It asks for the lock repeatedly: to wait for it, PostgreSQL would keep a snapshot,
// for whose end the building of an index waits.
//
// A migration goes on if the connection is lost meanwhile: it is correct without the lock. Before the table exists,
// nothing can be locked.
func (s *Schema) exclude(ctx context.Context) (release func(), err error) {
	tables, err := s.tables(ctx)
	if err != nil || !slices.Contains(tables, "marks") {
		return func() {}, err
	}
	connection, err := pgx.ConnectConfig(ctx, s.db.config)
	if err != nil {
		return nil, err
	}
	release = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
		defer cancel()
		_, _ = connection.Exec(ctx, "ROLLBACK") // a pooler keeps its connection to the server
		_ = connection.Close(ctx)
	}
	for {
		_, err = connection.Exec(ctx, "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; "+
			"LOCK TABLE marks IN SHARE UPDATE EXCLUSIVE MODE NOWAIT")
		if err == nil {
			return release, nil
		}
		if isLocked(err) {
			_, err = connection.Exec(ctx, "ROLLBACK")
		}
		if err = cmp.Or(err, pause(ctx, exclusionPause)); err != nil {
			release()
			return nil, err
		}
	}
}

const exclusionPause = 100 * time.Millisecond

// invalidIndexes selects the indexes that were not built to the end.
const invalidIndexes = "SELECT c.relname FROM pg_catalog.pg_index i " +
	"JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " +
	"WHERE NOT i.indisvalid AND n.nspname = current_schema()"

// repairIndexes builds the indexes that CREATE INDEX CONCURRENTLY left invalid when it failed, and which IF NOT EXISTS
// would take for existing ones, and drops what REINDEX CONCURRENTLY left behind. See "Building Indexes Concurrently"
// and "Rebuilding Indexes Concurrently" in PostgreSQL's documentation.
func (s *Schema) repairIndexes(ctx context.Context) error {
	names, err := scanAll[string](s.db.read.WithContext(ctx), invalidIndexes)
	if err != nil {
		return err
	}
	pool, err := s.db.write.DB() // without the timeout of statements
	if err != nil {
		return err
	}
	for _, name := range names {
		statement := "REINDEX INDEX CONCURRENTLY "
		if strings.Contains(name, "_ccnew") || strings.Contains(name, "_ccold") {
			statement = "DROP INDEX CONCURRENTLY IF EXISTS "
		}
		if _, err := pool.ExecContext(ctx, statement+pgx.Identifier{name}.Sanitize()); err != nil {
			return err
		}
	}
	return nil
}
