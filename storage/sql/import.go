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

// Imports returns the store for imported users.
func (db *DB) Imports() *Imports { return &Imports{db} }

// Import implements identity.Imports.
func (i *Imports) Import(ctx context.Context, users []identity.ImportedUser) ([]identity.ImportResult, error) {
	defer i.yield(time.Now())
	results, err := i.importTogether(ctx, users)
	if !errors.Is(err, identity.ErrExists) {
		return results, err
	}
	results = nil
	for one := range users {
		result, err := i.importAlone(ctx, users[one:one+1])
		if err != nil {
			return results, err
		}
		results = append(results, result...)
	}
	return results, nil
}

// yield gives other processes a turn to write to an SQLite database. They only poll whether a write has ended, so
// without a pause between batches some of them would never get a turn.
func (i *Imports) yield(begun time.Time) {
	if i.db.timeout == 0 {
		time.Sleep(time.Since(begun) / 2)
	}
}

// importAlone retries while concurrent requests take identifiers of the user. Each time the user is checked again,
// and taken identifiers stay taken, so this ends soon.
func (i *Imports) importAlone(ctx context.Context, user []identity.ImportedUser) ([]identity.ImportResult, error) {
	for range maxSignInTries {
		if results, err := i.importTogether(ctx, user); !errors.Is(err, identity.ErrExists) {
			return results, err
		}
	}
	return nil, errors.New("the identifiers of an imported user keep changing")
}

// importTogether imports all users in one transaction. It returns ErrExists if a concurrent request took an
// identifier of one of them; then nothing was written.
func (i *Imports) importTogether(ctx context.Context, users []identity.ImportedUser) (results []identity.ImportResult,
	err error) {
	candidates := newCandidates(users)
	err = inSnapshot(ctx, i.db, i.db.write, func(tx *gorm.DB, now time.Time) error {
		if err := i.db.dialect.lockSkeletons(tx, now, skeletonsOf(candidates)); err != nil {
			return err
		}
		existing, err := lookUp(tx, candidates)
		if err != nil {
			return err
		}
		added := additions{now: now}
		results = make([]identity.ImportResult, len(candidates)) // again at each try
		for k, a := range candidates {
			results[k] = existing.decide(a, now)
			if results[k].Outcome != identity.Imported {
				continue
			}
			if a.ID == "" {
				a.ID = identity.NewUserID()
			}
			results[k].UserID = a.ID
			added.add(a, results[k].Warnings, existing.assign(a, a.ID))
		}
		return added.write(tx)
	})
	if err != nil {
		return nil, exists(err)
	}
	return results, nil
}

// inSnapshot runs work in one transaction that sees only what was committed before it began. Otherwise it could see
// one half of a concurrent change, such as an account without its user name, and find a contradiction.
func inSnapshot(ctx context.Context, db *DB, pool *gorm.DB, work func(tx *gorm.DB, now time.Time) error) error {
	return isolated(ctx, db, pool, sql.LevelRepeatableRead, work)
}

// maxValues is the maximum number of values in one statement: fewer than SQLite's limit of 32766 and
// PostgreSQL's of 65535.
const maxValues = 30000

// additions are the rows of imported users.
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

// add adds a user, who already has an id, and the unions that were free. Accounts get the user's creation time.
func (r *additions) add(a candidate, conflicts []string, unions []identifier) {
	createdAt := a.CreatedAt.UnixMilli()
	if a.CreatedAt.IsZero() {
		createdAt = r.now.UnixMilli()
	}
	r.addUser(a, createdAt)
	r.addProfile(a)
	for _, e := range a.Identities {
		r.accounts = append(r.accounts, accountRow{
			Platform: e.Platform, App: e.App, Subject: e.Subject, UserID: a.ID, UnionID: e.UnionID,
			OpenPlatform: e.OpenPlatform, CreatedAt: createdAt,
		})
	}
	for _, u := range unions {
		r.unions = append(r.unions, unionRow{u.platform, u.at, u.value, a.ID, createdAt})
	}
	for _, conflict := range conflicts {
		r.events = append(r.events, identity.Event{Kind: identity.EventUnionConflict, UserID: a.ID, Detail: conflict})
	}
}

func (r *additions) addUser(a candidate, createdAt int64) {
	row := userRow{ID: a.ID, PasswordHash: a.PasswordHash, CreatedAt: createdAt}
	row.Roles, _ = identity.NormalizeRoles(a.Roles) // already validated
	if a.Username != "" {
		row.setName(a.name)
	}
	if a.Disabled {
		row.DisabledAt = millis(r.now)
	}
	r.users = append(r.users, row)
}

// addProfile stores a profile as the user's own choice, since the other system had it from the user. The phone number
// counts as seen now.
func (r *additions) addProfile(a candidate) {
	if a.Profile == (identity.Profile{}) && a.Phone == "" {
		return
	}
	p := a.Profile
	row := profileRow{
		UserID: a.ID, Name: p.Name, Nickname: p.Nickname, Picture: p.Picture, Gender: p.Gender, Locale: p.Locale,
		Email: p.Email, Address: p.Address,
		Chosen: p != (identity.Profile{}), PhoneNumber: a.Phone, UpdatedAt: r.now.UnixMilli(),
	}
	if a.Phone != "" {
		row.PhoneSeenAt = millis(r.now)
	}
	r.profiles = append(r.profiles, row)
}

// write writes the rows in the order that the references between the tables require. It returns ErrExists if a
// concurrent request took an identifier.
func (r *additions) write(tx *gorm.DB) error {
	for _, written := range []func() *gorm.DB{
		func() *gorm.DB { return writeRows(tx, "users", r.users, 13) },
		func() *gorm.DB { return writeRows(tx, "profiles", r.profiles, 13) },
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

// rehearsal keeps imported users in memory. It keeps hashes, since identifiers may be long. In a rehearsal of a million
// users, the probability that any two are confused is below one in a million, and nobody can predict which.
type rehearsal struct {
	db    *DB
	seed  maphash.Seed
	taken map[uint64]uint32 // hashes of identifiers, and the line of the user who would get them
}

// Rehearse implements identity.Imports.
func (i *Imports) Rehearse() identity.Imports {
	return &rehearsal{db: i.db, seed: maphash.MakeSeed(), taken: map[uint64]uint32{}}
}

// Rehearse implements identity.Imports.
func (r *rehearsal) Rehearse() identity.Imports { return (&Imports{r.db}).Rehearse() }

// Import implements identity.Imports.
func (r *rehearsal) Import(ctx context.Context, users []identity.ImportedUser) ([]identity.ImportResult, error) {
	candidates := newCandidates(users)
	var found existing
	var at time.Time
	err := inSnapshot(ctx, r.db, r.db.read, func(tx *gorm.DB, now time.Time) (err error) {
		at = now
		found, err = lookUp(tx, candidates)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.decide(found, candidates, at), nil
}

func (r *rehearsal) decide(k existing, candidates []candidate, now time.Time) []identity.ImportResult {
	results := make([]identity.ImportResult, len(candidates))
	for n, a := range candidates {
		r.addEarlier(k, a)
		results[n] = k.decide(a, now)
		switch {
		case results[n].Outcome == identity.Imported:
			results[n].UserID = a.ID
			k.assign(a, lineOf(a.Line))
			r.remember(k, a)
		case strings.HasPrefix(results[n].UserID, lineOf("")):
			results[n].UserID = a.ID
		}
	}
	return results
}

// lineOf names a user who would be created. Ids contain no spaces.
func lineOf(line any) string { return fmt.Sprint("line ", line) }

// addEarlier adds to k what earlier users of the rehearsal would own.
func (r *rehearsal) addEarlier(k existing, a candidate) {
	for _, c := range slices.Concat(a.identifiers, a.unions, a.looks, a.rivals) {
		if line, taken := r.taken[maphash.Comparable(r.seed, c)]; taken && k.owners[c] == "" {
			k.owners[c] = lineOf(line)
		}
	}
}

func (r *rehearsal) remember(k existing, a candidate) {
	for _, c := range slices.Concat(a.identifiers, a.unions, a.looks) {
		if k.owners[c] == lineOf(a.Line) {
			r.taken[maphash.Comparable(r.seed, c)] = uint32(a.Line)
		}
	}
}
