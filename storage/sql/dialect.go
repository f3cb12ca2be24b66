package sql

import (
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
)

// dialect describes what differs between the databases. Everything else is SQL that both
// understand.
type dialect struct {
	goose      goose.Dialect
	migrations string // a folder
	tables     string // query that lists the names of the tables
	clock      string // expression for the store's clock in milliseconds
	bytes      string // type of binary values
	forShare   string // suffix of a SELECT that keeps its rows unchanged until the transaction ends
	forUpdate  string // suffix of a SELECT that also excludes other such SELECTs
	sample     string // expression for about ? percent of the rows of a table; "": not supported
	position   string // function for the position of a text in another, from 1; 0: none
	bytewise   string // suffix of a column that is sorted by bytes in an index, but not by default
	value      func(n int) string
}

var dialectSQLite = dialect{
	goose:      goose.DialectSQLite3,
	migrations: "migrations/sqlite",
	tables:     "SELECT name FROM sqlite_master WHERE type = 'table'",
	clock:      "CAST(? AS BIGINT)", // the process's clock, since SQLite runs in the process
	bytes:      "BLOB",
	position:   "instr",
	value:      func(int) string { return "?" }, // one connection writes, so rows need no locks
}

var dialectPostgreSQL = dialect{
	goose:      goose.DialectPostgres,
	migrations: "migrations/postgresql",
	tables:     "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
	// unlike now(), not the start of the transaction
	clock:     "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
	bytes:     "BYTEA",
	sample:    " TABLESAMPLE SYSTEM (?)",
	position:  "strpos",
	forShare:  " FOR SHARE",
	forUpdate: " FOR NO KEY UPDATE", // rows that refer to it can still be written
	bytewise:  ` COLLATE "C"`,
	value:     func(n int) string { return "$" + strconv.Itoa(n) },
}

// statement returns the text for the driver: it replaces {clock}, which must come before all values, {bytes}, {share}
// and every ? with those of the dialect.
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
