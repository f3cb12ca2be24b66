package sql

import (
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect is where databases differ. All else is said in words that both understand.
type dialect struct {
	goose      goose.Dialect
	migrations string // folder
	tables     string // lists the names of the tables
	clock      string // the store's clock in milliseconds
	bytes      string // the type of binary values
	forShare   string // ends a SELECT, and keeps its rows as they are until the transaction is over
	forUpdate  string // likewise, and lets one such SELECT through at a time
	bytewise   string // ends a column that is in an index byte by byte, but not by itself
	value      func(n int) string
}

var sqliteWords = dialect{
	goose:      goose.DialectSQLite3,
	migrations: "migrations/sqlite",
	tables:     "SELECT name FROM sqlite_master WHERE type = 'table'",
	clock:      "CAST(? AS BIGINT)", // the process's: the database lives in it
	bytes:      "BLOB",
	value:      func(int) string { return "?" }, // one connection writes, so no row needs a lock
}

var postgresWords = dialect{
	goose:      goose.DialectPostgres,
	migrations: "migrations/postgresql",
	tables:     "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
	// unlike now(), not the transaction's begin
	clock:     "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
	bytes:     "BYTEA",
	forShare:  " FOR SHARE",
	forUpdate: " FOR NO KEY UPDATE", // rows that refer to it may still be written
	bytewise:  ` COLLATE "C"`,
	value:     func(n int) string { return "$" + strconv.Itoa(n) },
}

// statement writes one that is given to the driver as it is: {clock}, which comes before all values, {bytes}
// and {share} are the dialect's, and so is the way to write each ?.
func (d dialect) statement(text string) string {
	text = strings.NewReplacer("{clock}", d.clock, "{bytes}", d.bytes, "{share}", d.forShare).Replace(text)
	var b strings.Builder
	for n, part := range strings.Split(text, "?") {
		if n > 0 {
			b.WriteString(d.value(n))
		}
		b.WriteString(part)
	}
	return b.String()
}
