package sql

import (
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// maxValues is how many values one statement takes: fewer than SQLite's 32766, and than PostgreSQL's 65535.
const maxValues = 30000

// additions are the rows of newcomers.
type additions struct {
	now      time.Time
	users    []userRow
	profiles []profileRow
	accounts []accountRow
	unions   []unionRow
	events   []identity.Event
}

type unionRow struct {
	Platform     string
	OpenPlatform string
	UnionID      string
	UserID       string
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
}

func (unionRow) TableName() string { return "unions" }

// add takes in a newcomer who has an id by now, and the unions that are his. The accounts are as old as the
// user: he came with them.
func (r *additions) add(a arriving, conflicts []string, unions []claim) {
	createdAt := a.CreatedAt.UnixMilli()
	if a.CreatedAt.IsZero() {
		createdAt = r.now.UnixMilli()
	}
	r.addUser(a, createdAt)
	r.addProfile(a)
	for _, s := range a.Sightings {
		r.accounts = append(r.accounts, accountRow{
			Platform: s.Platform, App: s.App, Subject: s.Subject, UserID: a.ID, UnionID: s.UnionID,
			OpenPlatform: s.OpenPlatform, CreatedAt: createdAt,
		})
	}
	for _, u := range unions {
		r.unions = append(r.unions, unionRow{u.platform, u.at, u.value, a.ID, createdAt})
	}
	for _, conflict := range conflicts {
		r.events = append(r.events, identity.Event{Kind: identity.EventUnionConflict, UserID: a.ID, Detail: conflict})
	}
}

func (r *additions) addUser(a arriving, createdAt int64) {
	row := userRow{ID: a.ID, PasswordHash: a.PasswordHash, CreatedAt: createdAt}
	row.Roles, _ = identity.NormalizeRoles(a.Roles) // checked before
	if a.Username != "" {
		shown := identity.DisplayUsername(a.Username)
		row.Username, row.UsernameKey = &shown, &a.usernameKey
	}
	if a.Disabled {
		row.DisabledAt = millis(r.now)
	}
	r.users = append(r.users, row)
}

// addProfile takes a profile for the person's own choice, since the other program had it from him. The phone
// number was seen now, by whoever says so.
func (r *additions) addProfile(a arriving) {
	if a.Profile == (identity.Profile{}) && a.Phone == "" {
		return
	}
	p := a.Profile
	row := profileRow{
		UserID: a.ID, Name: p.Name, Nickname: p.Nickname, Picture: p.Picture, Gender: p.Gender, Locale: p.Locale,
		Email:  p.Email,
		Chosen: p != (identity.Profile{}), PhoneNumber: a.Phone, UpdatedAt: r.now.UnixMilli(),
	}
	if a.Phone != "" {
		row.PhoneSeenAt = millis(r.now)
	}
	r.profiles = append(r.profiles, row)
}

// write writes the rows in the order of references. ErrExists: somebody else got meanwhile what one of them needs.
func (r *additions) write(tx *gorm.DB) error {
	for _, written := range []func() *gorm.DB{
		func() *gorm.DB { return writeRows(tx, "users", r.users, 12) },
		func() *gorm.DB { return writeRows(tx, "profiles", r.profiles, 12) },
		func() *gorm.DB { return writeRows(tx, "accounts", r.accounts, 7) },
		func() *gorm.DB { return writeRows(tx, "unions", r.unions, 5) },
	} {
		if err := wrote(written()); err != nil {
			return err
		}
	}
	for _, event := range r.events {
		if err := recordEvent(tx, r.now, event); err != nil {
			return err
		}
	}
	return nil
}

func writeRows[R any](tx *gorm.DB, table string, rows []R, columns int) *gorm.DB {
	if len(rows) == 0 {
		return tx
	}
	return tx.Table(table).CreateInBatches(rows, maxValues/columns)
}
