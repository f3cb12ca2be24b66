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

// versionTable lists the migrations that were applied. The name is specific to Lingpai, so that the database of
// another program that uses goose is recognized.
const versionTable = "lingpai_migrations"

// ErrSchema means that the schema of the database is not the one that this version needs.
var ErrSchema = errors.New("the database schema does not fit this version of lingpai")

// Schema is the schema of a database, and its migrations.
type Schema struct{ db *DB }

// Schema returns the database's schema.
func (db *DB) Schema() *Schema { return &Schema{db} }

// Migration is one step of the schema.
type Migration struct {
	Name      string
	AppliedAt time.Time // zero: not applied
}

// migrator returns an error if the database is another program's.
func (s *Schema) migrator(ctx context.Context) (*goose.Provider, error) {
	tables, err := s.tables(ctx)
	if err != nil {
		return nil, err
	}
	if len(tables) > 0 && !slices.Contains(tables, versionTable) {
		return nil, fmt.Errorf("%w: it contains tables of another program", ErrSchema)
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

// MigrateUp applies missing migrations and returns their names. Each runs in one transaction together with its entry
// in versionTable. If several servers migrate at the same time, the slower one waits for the other's tables and
// fails, since they exist already; it tries again for as long as the version of the database grows. So no lock has to
// be held outside of the transactions.
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
			return names, advised(failure)
		}
		reached = current
	}
}

// applied returns the names of the applied migrations, including those before one that failed.
func applied(results []*goose.MigrationResult, failure error) (names []string) {
	if partial, ok := errors.AsType[*goose.PartialError](failure); ok {
		results = partial.Applied
	}
	for _, result := range results {
		names = append(names, path.Base(result.Source.Path))
	}
	return names
}

// MigrateDown undoes the last migration and returns its name.
func (s *Schema) MigrateDown(ctx context.Context) (string, error) {
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

// Status returns every migration and when it was applied.
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
	return steps, advised(err)
}

// Migrated reports whether any migration was ever applied.
func (s *Schema) Migrated(ctx context.Context) (bool, error) {
	current, _, err := s.versions(ctx)
	return current > 0, err
}

// Check returns an ErrSchema that says what to do, unless the schema is the one that this version needs.
func (s *Schema) Check(ctx context.Context) error {
	current, target, err := s.versions(ctx)
	switch {
	case err != nil:
		return err
	case current < target:
		return fmt.Errorf("%w: run \"lingpai migrate up\" (it is at version %d of %d)", ErrSchema, current, target)
	case current > target:
		return fmt.Errorf("%w: it was migrated by a newer version (%d, this one knows %d); use that "+
			"version, or undo its migrations with it", ErrSchema, current, target)
	}
	return nil
}

// versions returns the newest migration that was applied and the newest that exists. It writes nothing into an empty
// database.
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
