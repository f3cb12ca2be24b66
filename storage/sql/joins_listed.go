package sql

import (
	"context"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

type joinRow struct {
	ID       string
	Retired  string
	Survivor string
	Moved    moved
	At       int64
	UndoneAt *int64
}

func (joinRow) TableName() string { return "joins" }

func (r joinRow) join() identity.Join {
	join := identity.Join{ID: r.ID, Retired: r.Retired, Survivor: r.Survivor, Moved: r.Moved.Moved,
		UndoneAt: instant(r.UndoneAt)}
	if r.At != 0 { // else it is a preview
		join.At = instant(&r.At)
	}
	return join
}

// scanAll scans all rows of a query. None is nil, as it is once it was kept as JSON.
func scanAll[V any](tx *gorm.DB, query string, values ...any) ([]V, error) {
	var rows []V
	result := tx.Raw(query, values...).Scan(&rows)
	return append([]V(nil), rows...), ended(result.Statement.Context, result.Error)
}

// listed scans all rows of a query, and returns what each of them tells of.
func listed[R, V any](tx *gorm.DB, told func(R) V, query string, values ...any) ([]V, error) {
	rows, err := scanAll[R](tx, query, values...)
	all := make([]V, len(rows))
	for n, row := range rows {
		all[n] = told(row)
	}
	return all, err
}

// List implements identity.Joins.
func (j *Joins) List(ctx context.Context, limit int) ([]identity.Join, error) {
	return listed(j.db.read.WithContext(ctx), joinRow.join, "SELECT * FROM joins ORDER BY id DESC LIMIT ?", limit)
}
