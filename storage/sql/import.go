package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Imports implements identity.Imports.
type Imports struct{ db *DB }

var _ identity.Imports = (*Imports)(nil)

// Imports returns the way into the database for people whom another program knew.
func (db *DB) Imports() *Imports { return &Imports{db} }

// Import implements identity.Imports.
func (n *Imports) Import(ctx context.Context, people []identity.ImportedUser) ([]identity.ImportResult, error) {
	defer n.yield(time.Now())
	arrivals, err := n.together(ctx, people)
	if !errors.Is(err, identity.ErrExists) {
		return arrivals, err
	}
	arrivals = nil
	for one := range people {
		arrival, err := n.alone(ctx, people[one:one+1])
		if err != nil {
			return arrivals, err
		}
		arrivals = append(arrivals, arrival...)
	}
	return arrivals, nil
}

// yield gives other processes a turn, in SQLite. Who waits there looks now and then whether nobody writes: of
// one batch right after another some would not see the end.
func (n *Imports) yield(begun time.Time) {
	if n.db.patience == 0 {
		time.Sleep(time.Since(begun) / 2)
	}
}

// alone starts over while others get what the newcomer brings. He is judged anew each time, and what they got
// is theirs, so that ends soon.
func (n *Imports) alone(ctx context.Context, person []identity.ImportedUser) ([]identity.ImportResult, error) {
	for range maxSightingTries {
		if arrivals, err := n.together(ctx, person); !errors.Is(err, identity.ErrExists) {
			return arrivals, err
		}
	}
	return nil, errors.New("what a newcomer brings is being changed over and over")
}

// together imports all in one transaction. ErrExists: somebody else got meanwhile what one of them brings,
// and nothing was written.
func (n *Imports) together(ctx context.Context, people []identity.ImportedUser) (arrivals []identity.ImportResult,
	err error) {
	arriving := newArrivals(people)
	err = atOneInstant(ctx, n.db, n.db.write, func(tx *gorm.DB, now time.Time) error {
		known, err := lookUp(tx, arriving)
		if err != nil {
			return err
		}
		added := additions{now: now}
		arrivals = make([]identity.ImportResult, len(arriving)) // anew at each try
		for k, a := range arriving {
			arrivals[k] = known.judge(a, now)
			if arrivals[k].Outcome != identity.Imported {
				continue
			}
			if a.ID == "" {
				a.ID = identity.NewUserID()
			}
			arrivals[k].UserID = a.ID
			added.add(a, arrivals[k].Warnings, known.settle(a, a.ID))
		}
		return added.write(tx)
	})
	if err != nil {
		return nil, exists(err)
	}
	return arrivals, nil
}

// atOneInstant runs work in one transaction of a pool, all of which sees what was committed before it began:
// else who comes meanwhile would be seen by half, his account and not yet his name, and contradict himself.
func atOneInstant(ctx context.Context, db *DB, pool *gorm.DB, work func(tx *gorm.DB, now time.Time) error) error {
	return db.isolated(ctx, pool, sql.LevelRepeatableRead, work)
}

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
	for _, s := range a.Identities {
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
	if len(r.users) > 0 {
		r.events = append(r.events, identity.Event{Kind: identity.EventUsersImported,
			Detail: fmt.Sprintf("%d users", len(r.users))})
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

// rehearsal imports into its memory. It keeps hashes, since what is claimed may be long: two of a million
// newcomers are taken for each other less than once in a million rehearsals, and nobody can tell beforehand
// which.
type rehearsal struct {
	db    *DB
	seed  maphash.Seed
	heard map[uint64]uint32 // claims, and the line of who would have them
}

// Rehearse implements identity.Imports.
func (n *Imports) Rehearse() identity.Imports {
	return &rehearsal{db: n.db, seed: maphash.MakeSeed(), heard: map[uint64]uint32{}}
}

// Rehearse implements identity.Imports.
func (r *rehearsal) Rehearse() identity.Imports { return (&Imports{r.db}).Rehearse() }

// Import implements identity.Imports.
func (r *rehearsal) Import(ctx context.Context, people []identity.ImportedUser) ([]identity.ImportResult, error) {
	arriving := newArrivals(people)
	var there known
	var at time.Time
	err := atOneInstant(ctx, r.db, r.db.read, func(tx *gorm.DB, now time.Time) (err error) {
		at = now
		there, err = lookUp(tx, arriving)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.judge(there, arriving, at), nil
}

func (r *rehearsal) judge(k known, arriving []arriving, now time.Time) []identity.ImportResult {
	arrivals := make([]identity.ImportResult, len(arriving))
	for n, a := range arriving {
		r.recall(k, a)
		arrivals[n] = k.judge(a, now)
		switch {
		case arrivals[n].Outcome == identity.Imported:
			arrivals[n].UserID = a.ID
			k.settle(a, lineOf(a.Line))
			r.remember(k, a)
		case strings.HasPrefix(arrivals[n].UserID, lineOf("")):
			arrivals[n].UserID = a.ID
		}
	}
	return arrivals
}

// lineOf names a user who would be made. No id has a space in it.
func lineOf(line any) string { return fmt.Sprint("line ", line) }

// recall adds what earlier newcomers would have got to what is known.
func (r *rehearsal) recall(k known, a arriving) {
	for _, c := range slices.Concat(a.names, a.unions) {
		if line, heard := r.heard[maphash.Comparable(r.seed, c)]; heard && k.holders[c] == "" {
			k.holders[c] = lineOf(line)
		}
	}
}

func (r *rehearsal) remember(k known, a arriving) {
	for _, c := range slices.Concat(a.names, a.unions) {
		if k.holders[c] == lineOf(a.Line) {
			r.heard[maphash.Comparable(r.seed, c)] = uint32(a.Line)
		}
	}
}
