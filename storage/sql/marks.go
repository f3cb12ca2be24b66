package sql

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Marks are small facts about the database itself, such as the name of its creator.
type Marks struct{ db *DB }

// Marks returns the store of marks.
func (db *DB) Marks() *Marks { return &Marks{db} }

// Mark stores a value under a name.
func (m *Marks) Mark(ctx context.Context, name, value string) error {
	return mark(m.db.write.WithContext(ctx), name, value)
}

func mark(db *gorm.DB, name, value string) error {
	return wrote(db.Exec("INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "+
		"value = excluded.value", name, value))
}

// Marked returns the value of a name, or "" if there is none.
func (m *Marks) Marked(ctx context.Context, name string) (string, error) {
	var value string
	err := one(m.db.read.WithContext(ctx).Raw("SELECT value FROM marks WHERE name = ?", name), &value)
	if errors.Is(err, identity.ErrNotFound) {
		return "", nil
	}
	return value, err
}
