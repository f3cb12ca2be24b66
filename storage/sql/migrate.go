package sql

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// versionTable says which steps were taken. It has a name of our own: another program's database that goose
// migrates too is not ours.
const versionTable = "lingpai_migrations"

// ErrSchema says that the database has another shape than this version needs.
var ErrSchema = errors.New("the database has another shape than this version of lingpai needs")

// Schema is the shape of a database, and the migrations that make it.
type Schema struct{ db *DB }

// Schema returns the database's schema.
func (db *DB) Schema() *Schema { return &Schema{db} }

// Migration is a step of the schema.
type Migration struct {
	Name      string
	AppliedAt time.Time // zero: not yet
}

// migrator refuses a database that is another program's.
func (s *Schema) migrator(ctx context.Context) (*goose.Provider, error) {
	tables, err := s.tables(ctx)
	if err != nil {
		return nil, err
	}
	if len(tables) > 0 && !slices.Contains(tables, versionTable) {
		return nil, fmt.Errorf("%w: it holds the tables of another program", ErrSchema)
	}
	folder, err := fs.Sub(migrations, s.db.words.migrations)
	if err != nil {
		return nil, err
	}
	connections, err := s.db.write.DB()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(s.db.words.goose, connections, folder, goose.WithTableName(versionTable))
}

// tables names what is in the database.
func (s *Schema) tables(ctx context.Context) ([]string, error) {
	return scanAll[string](s.db.read.WithContext(ctx), s.db.words.tables)
}

// MigrateUp applies what is missing and returns its names. Each step is a transaction together with the note
// that it was taken. When several servers do this at once, the one that comes late waits for the other's
// tables and fails, since they are there already; it looks again for as long as the database moves on. So no
// lock needs to be held beside the transactions.
func (s *Schema) MigrateUp(ctx context.Context) ([]string, error) {
	migrator, err := s.migrator(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for reached := int64(-1); ; {
		results, failure := migrator.Up(ctx)
		names = append(names, applied(results, failure)...)
		if failure == nil {
			return names, nil
		}
		current, err := migrator.GetDBVersion(ctx)
		if err != nil || current <= reached {
			return names, failure
		}
		reached = current
	}
}

// applied names the steps that were taken, also those before one that failed.
func applied(results []*goose.MigrationResult, failure error) (names []string) {
	if partial, ok := errors.AsType[*goose.PartialError](failure); ok {
		results = partial.Applied
	}
	for _, result := range results {
		names = append(names, path.Base(result.Source.Path))
	}
	return names
}

// MigrateDown takes the last step back and returns its name.
func (s *Schema) MigrateDown(ctx context.Context) (string, error) {
	migrator, err := s.migrator(ctx)
	if err != nil {
		return "", err
	}
	result, err := migrator.Down(ctx)
	if errors.Is(err, goose.ErrNoNextVersion) {
		return "", errors.New("there is no migration to take back")
	}
	if err != nil {
		return "", err
	}
	return path.Base(result.Source.Path), nil
}

// Status tells of every step whether it was applied.
func (s *Schema) Status(ctx context.Context) ([]Migration, error) {
	migrator, err := s.migrator(ctx)
	if err != nil {
		return nil, err
	}
	statuses, err := migrator.Status(ctx)
	var steps []Migration
	for _, status := range statuses {
		steps = append(steps, Migration{Name: path.Base(status.Source.Path), AppliedAt: status.AppliedAt})
	}
	return steps, err
}

// Migrated says whether any step was ever applied.
func (s *Schema) Migrated(ctx context.Context) (bool, error) {
	current, _, err := s.versions(ctx)
	return current > 0, err
}

// Check returns ErrSchema, with what to do, unless the database has exactly the shape that this version needs.
func (s *Schema) Check(ctx context.Context) error {
	current, target, err := s.versions(ctx)
	switch {
	case err != nil:
		return err
	case current < target:
		return fmt.Errorf("%w: run \"lingpai migrate up\" (it is at version %d of %d)", ErrSchema, current, target)
	case current > target:
		return fmt.Errorf("%w: it was migrated by a newer version (%d, this one knows %d); use that "+
			"version, or take its migrations back with it", ErrSchema, current, target)
	}
	return nil
}

// versions returns the newest step that was applied and the newest that there is. It writes nothing into an
// empty database.
func (s *Schema) versions(ctx context.Context) (current, target int64, err error) {
	migrator, err := s.migrator(ctx)
	if err != nil {
		return 0, 0, err
	}
	sources := migrator.ListSources()
	target = sources[len(sources)-1].Version
	if tables, err := s.tables(ctx); err != nil || len(tables) == 0 {
		return 0, target, err
	}
	err = s.db.read.WithContext(ctx).Raw("SELECT coalesce(max(version_id), 0) FROM " + versionTable +
		" WHERE is_applied").Scan(&current).Error
	return current, target, ended(ctx, err)
}
