package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// CheckDatabaseURL is the beginning of the advice for most errors of a database.
const CheckDatabaseURL = "check database.url (LINGPAI_DATABASE_URL)"

// OpenDatabase opens the configured database. Its error contains advice for the operator.
func OpenDatabase(ctx context.Context, s settings.Settings) (*sql.DB, error) {
	database, err := ConnectDatabase(ctx, s)
	return database, advised(s, err)
}

// advised adds advice for the operator to the error of a database that cannot be opened.
func advised(s settings.Settings, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrPooler): // which contains advice
		return fmt.Errorf("%s cannot be used: %w", s.DatabaseName(), err)
	}
	return fmt.Errorf("%s cannot be opened: %w\n%s", s.DatabaseName(), err, DatabaseAdvice(s.DatabaseFile(), err))
}

// ConnectDatabase opens the configured database. Without a master key, app secrets cannot be read; most commands do
// not need them.
func ConnectDatabase(ctx context.Context, s settings.Settings) (*sql.DB, error) {
	database, err := connect(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := sql.CheckPooler(ctx, database); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	return database, nil
}

func connect(ctx context.Context, s settings.Settings) (*sql.DB, error) {
	var ring *keys.Ring
	if s.MasterKey != "" {
		var err error
		if ring, err = keys.ParseRing(s.MasterKey.Reveal()); err != nil {
			return nil, err
		}
	}
	return sql.Open(ctx, sql.Options{URL: s.DatabaseURL.Reveal(), Connections: s.DatabaseConnections, Ring: ring})
}

// OpenExistingDatabase opens an existing database, whatever its schema.
func OpenExistingDatabase(ctx context.Context, s settings.Settings) (*sql.DB, error) {
	if err := exists(s); err != nil {
		return nil, err
	}
	return OpenDatabase(ctx, s)
}

// exists returns an error if there is no file: opening would create an empty one, perhaps at the wrong path.
func exists(s settings.Settings) error {
	path := s.DatabaseFile()
	if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s: check database.url (LINGPAI_DATABASE_URL), or "+
			"create one with: lingpai migrate up", path)
	}
	return nil
}

// OpenMigratedDatabase opens an existing database, and returns an error if this version cannot run on its schema.
func OpenMigratedDatabase(ctx context.Context, s settings.Settings) (*sql.DB, error) {
	database, err := OpenExistingDatabase(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := database.Schema().Check(ctx); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	return database, nil
}

// openToServe is OpenMigratedDatabase, but logs errors of the database, and looks for a pooler beside the rest of the
// start. The channel gets the result.
func openToServe(ctx context.Context, s settings.Settings, logger *slog.Logger) (*sql.DB, <-chan error, error) {
	if err := exists(s); err != nil {
		return nil, nil, err
	}
	database, err := connect(ctx, s)
	if err != nil {
		return nil, nil, advised(s, err)
	}
	database.LogTo(logger)
	pooler := make(chan error, 1)
	go func() { pooler <- advised(s, sql.CheckPooler(ctx, database)) }()
	if err := database.Schema().Check(ctx); err != nil {
		return nil, nil, errors.Join(cmp.Or(<-pooler, err), database.Close())
	}
	return database, pooler, nil
}

// checkOf returns what [Stores.CheckDatabase] is for a database.
func checkOf(database *sql.DB) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := database.Schema().Check(ctx); err != nil {
			return err
		}
		return database.CheckWritable(ctx)
	}
}

// DatabaseAdvice returns advice for the operator if a database cannot be opened; file is its path, or empty for
// PostgreSQL.
func DatabaseAdvice(file string, err error) string {
	if _, advice := sql.Explain(err); advice != "" {
		return advice
	}
	if file != "" {
		return CheckDatabaseURL + ", and that the user running this command can read and write the file and its folder"
	}
	return CheckDatabaseURL + ": that the server runs, that the database exists, that this machine may " +
		"connect, and that user, password and sslmode are right"
}

// IsEmpty reports whether a database has no users, apps, clients or keys.
func IsEmpty(ctx context.Context, database *sql.DB) (bool, error) {
	users, err := database.Users().List(ctx, "", 1)
	apps, err2 := database.Apps().List(ctx)
	clients, err3 := database.Clients().List(ctx)
	keys, err4 := database.Keys().Keys(ctx)
	return len(users)+len(apps)+len(clients)+len(keys) == 0, errors.Join(err, err2, err3, err4)
}
