package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// CheckDatabaseURL is the first half of what an operator does about most faults of a database.
const CheckDatabaseURL = "check database.url (LINGPAI_DATABASE_URL)"

// OpenDatabase opens the configured database, or says what to look at.
func OpenDatabase(ctx context.Context, s settings.Settings) (*sql.DB, error) {
	database, err := ConnectDatabase(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w\n%s", s.DatabaseName(), err, DatabaseAdvice(s.DatabaseFile()))
	}
	return database, nil
}

// ConnectDatabase opens the configured database. Without master key app secrets stay closed, which most
// commands do not need.
func ConnectDatabase(ctx context.Context, s settings.Settings) (*sql.DB, error) {
	var ring *keys.Ring
	if s.MasterKey != "" {
		var err error
		if ring, err = keys.ParseRing(s.MasterKey.Reveal()); err != nil {
			return nil, err
		}
	}
	return sql.Open(ctx, sql.Options{URL: s.DatabaseURL.Reveal(), Connections: s.DatabaseConnections, Ring: ring})
}

// OpenExistingDatabase opens a database that is there, whatever its shape.
func OpenExistingDatabase(ctx context.Context, s settings.Settings) (*sql.DB, error) {
	path := s.DatabaseFile()
	// opening would make an empty one at what may be the wrong place
	if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database at %s: check database.url (LINGPAI_DATABASE_URL), or "+
			"make one with: lingpai migrate up", path)
	}
	return OpenDatabase(ctx, s)
}

// OpenMigratedDatabase opens a database that is there, and has the shape that this version needs.
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

// DatabaseAdvice is what an operator does about a database that cannot be opened; file is its path, or empty if it
// is not in one.
func DatabaseAdvice(file string) string {
	if file != "" {
		return CheckDatabaseURL + ", and that the user who runs this may read and write the file and its folder"
	}
	return CheckDatabaseURL + ": that the server runs, that the database is there, that this machine may " +
		"connect, and that user, password and sslmode are right"
}

// IsEmpty reports whether nothing that somebody could miss is in a database.
func IsEmpty(ctx context.Context, database *sql.DB) (bool, error) {
	users, err := database.Users().List(ctx, "", 1)
	apps, err2 := database.Apps().List(ctx)
	clients, err3 := database.Clients().List(ctx)
	keys, err4 := database.Keys().Keys(ctx)
	return len(users)+len(apps)+len(clients)+len(keys) == 0, errors.Join(err, err2, err3, err4)
}
