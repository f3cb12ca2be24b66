package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/storage/sql"
)

const checkDatabaseURL = server.CheckDatabaseURL

func (d *doctor) checkDatabase(ctx context.Context) {
	file := d.settings.DatabaseFile()
	info, err := os.Stat(file)
	if file != "" && (errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0) { // opening would create one
		d.report.fault("there is no database at "+file,
			checkDatabaseURL+", or create a database with: lingpai migrate up")
		return
	}
	c := d.settings
	if d.faulty("master_key") { // most checks do not need it
		c.MasterKey = ""
	}
	database, err := within(ctx, func(ctx context.Context) (*sql.DB, error) { return server.ConnectDatabase(ctx, c) })
	if errors.Is(err, sql.ErrPooler) {
		found, advice, _ := strings.Cut(sql.ErrPooler.Error(), "; ")
		d.report.fault(c.DatabaseName()+" cannot be used: "+found, advice)
		return
	}
	if err != nil {
		d.report.fault(c.DatabaseName()+" cannot be opened: "+d.report.words(err), server.DatabaseAdvice(file, err))
		return
	}
	d.database = database
	if !d.writable(ctx) {
		return
	}
	if file == "" {
		d.report.ok(c.DatabaseName() + " answers")
		d.report.warnUnprotected(c.DatabaseURL, "add sslmode=verify-full to database.url (LINGPAI_DATABASE_URL)")
		return
	}
	d.report.ok(fmt.Sprintf("SQLite in %s (%s) answers", file, size(info.Size())))
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o007 != 0 { // Windows has no such bits
		d.report.warning(fmt.Sprintf("every user of this machine can read or write %s (mode %04o)", file, mode),
			"chmod o-rwx "+file)
	}
}

// writable reports a fault if the database is known to refuse writes. Other errors are those of the next check, too.
func (d *doctor) writable(ctx context.Context) bool {
	_, err := within(ctx, func(ctx context.Context) (any, error) { return nil, d.database.CheckWritable(ctx) })
	found, advice := sql.Explain(err)
	if found != "" {
		d.report.fault(d.settings.DatabaseName()+" cannot be written: "+found, advice)
	}
	return found == ""
}

func (d *doctor) checkMigrations(ctx context.Context) {
	unknown, err := within(ctx, func(ctx context.Context) ([]sql.Migration, error) {
		if err := d.database.Schema().Check(ctx); err != nil {
			return nil, err
		}
		return d.database.Schema().Unknown(ctx)
	})
	if err != nil {
		d.report.fault(schemaAdvice(d.report, d.settings.DatabaseFile(), err))
		return
	}
	d.migrated = true
	if len(unknown) > 0 {
		d.report.ok("the database schema is a newer version's (" + unknown[len(unknown)-1].Name +
			"), and this version can run on it")
		return
	}
	d.report.ok("the database schema is the one that this version needs")
}

// schemaAdvice separates what is wrong with the schema from what to do about it.
func schemaAdvice(report *report, file string, err error) (found, advice string) {
	if !errors.Is(err, sql.ErrSchema) {
		return "the database schema cannot be read: " + report.words(err), server.DatabaseAdvice(file, err)
	}
	text := err.Error()
	if _, state, ok := strings.Cut(text, `run "lingpai migrate up" (`); ok {
		return sql.ErrSchema.Error() + ": " + strings.TrimSuffix(state, ")"), "lingpai migrate up"
	}
	found, advice, ok := strings.Cut(text, "; ")
	if !ok {
		advice = checkDatabaseURL
	}
	return found, advice
}

// size formats a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes < 1<<20:
		return fmt.Sprintf("%d KiB", (bytes+1<<10-1)>>10)
	case bytes < 1<<30:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
}
