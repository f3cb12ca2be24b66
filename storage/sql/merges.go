package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Merges implements identity.Merges.
type Merges struct{ db *DB }

var _ identity.Merges = (*Merges)(nil)

// Merges returns the store of merges.
func (db *DB) Merges() *Merges { return &Merges{db} }

// Preview implements identity.Merges.
func (m *Merges) Preview(ctx context.Context, retired, survivor string) (identity.Merge, error) {
	if storable(retired, survivor) != nil {
		return identity.Merge{}, identity.ErrNotFound
	}
	planned, err := planMerge(m.db.read.WithContext(ctx), "", retired, survivor)
	if err != nil {
		return identity.Merge{}, err
	}
	return planned.row.merge(), nil
}

// Merge implements identity.Merges.
func (m *Merges) Merge(ctx context.Context, retired, survivor string) (identity.Merge, error) {
	if storable(retired, survivor) != nil {
		return identity.Merge{}, identity.ErrNotFound
	}
	var row mergeRow
	err := m.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		planned, err := planMerge(tx, m.db.dialect.forUpdate, retired, survivor)
		if err != nil {
			return err
		}
		row = planned.row
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		row.ID, row.At = id.String(), now.UnixMilli()
		return planned.apply(tx, now, row)
	})
	if err != nil {
		return identity.Merge{}, err
	}
	return row.merge(), nil
}

// mergePlan is what a merge will do, with both users as they were read.
type mergePlan struct {
	retired, survivor userRow
	row               mergeRow
}

// planMerge finds what a merge moves, and checks whether it is allowed. lock is the clause that locks all rows that
// it reads until the transaction ends, or empty. These are the users and what they have, so requests that add
// something to them wait.
func planMerge(tx *gorm.DB, lock, retired, survivor string) (mergePlan, error) {
	p := mergePlan{row: mergeRow{Retired: retired, Survivor: survivor}}
	var err error
	if p.retired, p.survivor, err = findPair(tx, lock, retired, survivor); err != nil {
		return p, err
	}
	if err := p.check(tx); err != nil {
		return p, err
	}
	m := &p.row.Moved
	theirs, err := belongingsOf(tx, lock, retired)
	if err != nil {
		return p, err
	}
	m.Accounts, m.Unions = theirs.Accounts, theirs.Unions
	if m.Own.belongings, err = belongingsOf(tx, lock, survivor); err != nil {
		return p, err
	}
	m.Own.Password = digest(p.survivor.PasswordHash)
	if p.retired.UsernameKey != nil && p.survivor.UsernameKey == nil && p.survivor.PasswordHash == "" {
		m.Username, m.UsernameKey, m.Password = true, *p.retired.UsernameKey, digest(p.retired.PasswordHash)
	}
	return p, nil
}

// findPair finds both users in the order of their ids, so that two calls that lock the same pair do not deadlock.
func findPair(tx *gorm.DB, lock, retired, survivor string) (retiredRow, survivorRow userRow, err error) {
	for _, id := range slices.Sorted(slices.Values([]string{retired, survivor})) {
		var row userRow
		if err := one(tx.Raw("SELECT * FROM users WHERE id = ?"+lock, id), &row); err != nil {
			return retiredRow, survivorRow, err
		}
		if id == retired {
			retiredRow = row
		}
		if id == survivor {
			survivorRow = row
		}
	}
	return retiredRow, survivorRow, nil
}

// check returns an error if the two users cannot be merged.
func (p mergePlan) check(tx *gorm.DB) error {
	if p.retired.ID == p.survivor.ID {
		return fmt.Errorf("%w: %s cannot be merged with itself", identity.ErrExists, p.retired.ID)
	}
	for _, user := range []userRow{p.retired, p.survivor} {
		switch {
		case user.MergedInto != nil:
			return fmt.Errorf("%w: %s was already merged into %s", identity.ErrExists, user.ID, *user.MergedInto)
		case user.DeletesAt != nil:
			return fmt.Errorf("%w: the deletion of %s is scheduled", identity.ErrExists, user.ID)
		}
	}
	var app string
	err := one(tx.Raw(`SELECT a.app FROM accounts a JOIN accounts b ON b.user_id = ? AND b.platform = a.platform
		AND b.app = a.app
		WHERE a.user_id = ? ORDER BY a.platform, a.app LIMIT 1`, p.survivor.ID, p.retired.ID), &app)
	if errors.Is(err, identity.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return errBothAt(app)
}

// apply executes the plan. The epochs grow before the sessions end, as in changeAndEndSessions.
func (p mergePlan) apply(tx *gorm.DB, now time.Time, row mergeRow) error {
	if err := nextEpoch(tx, row.Retired, row.Survivor); err != nil {
		return err
	}
	if err := redirect(tx, row.Retired, row.Survivor); err != nil {
		return err
	}
	if err := changed(tx.Exec("UPDATE users SET joined_into = ? WHERE id = ?", row.Survivor, row.Retired)); err != nil {
		return err
	}
	if _, err := endAllSessions(tx, now, identity.EndedByMerge, row.Retired); err != nil {
		return err
	}
	if _, err := transfer(tx, row.Retired, row.Survivor, row.Moved.Moved); err != nil {
		return err
	}
	if row.Moved.Username {
		if err := transferName(tx, p.retired, row.Survivor); err != nil {
			return err
		}
	}
	if err := wrote(tx.Create(&row)); err != nil {
		return err
	}
	return recordEvent(tx, now, identity.Event{
		Kind: identity.EventUserMerged, UserID: row.Retired, Detail: "into " + row.Survivor + ": " +
			row.Moved.summary(),
	})
}

// redirect makes all users who were merged into one user (from), directly or not, resolve to another (to) in one
// look-up.
func redirect(tx *gorm.DB, from, to string) error {
	return wrote(tx.Exec(`UPDATE users SET joined_into = ? WHERE id IN (
		WITH RECURSIVE below (id) AS (
			SELECT retired FROM joins WHERE survivor = ? AND undone_at IS NULL
			UNION SELECT j.retired FROM joins j JOIN below ON j.survivor = below.id WHERE j.undone_at IS NULL)
		SELECT id FROM below)`, to, from))
}

type mergeRow struct {
	ID       string
	Retired  string
	Survivor string
	Moved    moved
	At       int64
	UndoneAt *int64
}

func (mergeRow) TableName() string { return "joins" }

func (r mergeRow) merge() identity.Merge {
	merge := identity.Merge{ID: r.ID, Retired: r.Retired, Survivor: r.Survivor, Moved: r.Moved.Moved,
		UndoneAt: instant(r.UndoneAt)}
	if r.At != 0 { // zero: a preview
		merge.At = instant(&r.At)
	}
	return merge
}

// List implements identity.Merges.
func (m *Merges) List(ctx context.Context, limit int) ([]identity.Merge, error) {
	return listed(m.db.read.WithContext(ctx), mergeRow.merge, "SELECT * FROM joins ORDER BY id DESC LIMIT ?", limit)
}

// duplicatesBatch is how many accounts one statement examines: few enough that it ends long before the timeout.
const duplicatesBatch = 5000

// Duplicates implements identity.Merges. It scans the accounts that are in a union. Users whose deletion is scheduled
// are not included, since they cannot be merged.
func (m *Merges) Duplicates(ctx context.Context, after identity.Duplicate, limit int) (found []identity.Duplicate,
	err error) {
	if err := storable(after.Platform, after.OpenPlatform, after.UnionID, after.Other); err != nil {
		return nil, err
	}
	for done := false; !done && len(found) < limit; {
		place := []any{after.Platform, after.OpenPlatform, after.UnionID, after.Other}
		last, err := scanAll[identity.Duplicate](m.db.read.WithContext(ctx), m.inBytes(lastInUnion), place...)
		if err != nil {
			return nil, err
		}
		page, err := scanAll[identity.Duplicate](m.db.read.WithContext(ctx), m.inBytes(duplicatePairs),
			append(place, limit-len(found))...)
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
		if done = len(last) == 0; !done {
			after = last[0]
		}
	}
	return found, nil
}

func (m *Merges) inBytes(query string) string {
	return strings.ReplaceAll(query, "{bytewise}", m.db.dialect.bytewise)
}

// inUnion selects the accounts in a union from a position on, in the order of the index accounts_of_union.
const inUnion = `SELECT a.platform, a.open_platform{bytewise} AS open_platform,
	a.union_id{bytewise} AS union_id, a.user_id AS other FROM accounts a
	WHERE a.union_id <> '' AND a.open_platform <> ''
		AND (a.platform, a.open_platform{bytewise}, a.union_id{bytewise}, a.user_id) > (?, ?, ?, ?)
	ORDER BY 1, 2, 3, 4 `

// The numbers are part of the text, so that PostgreSQL knows them when it plans the statement.
var (
	lastInUnion = fmt.Sprintf(inUnion+"LIMIT 1 OFFSET %d", duplicatesBatch-1)

	// duplicatePairs finds accounts whose user is not the owner of their union. A union may have no owner, because
	// an account's union id changed or the owner unlinked it. Then the oldest user who has an account in it counts
	// as its owner.
	duplicatePairs = fmt.Sprintf(`SELECT DISTINCT a.platform, a.open_platform, a.union_id, owner.id AS owner, a.other
	FROM (`+inUnion+`LIMIT %d) a
		LEFT JOIN unions n ON n.platform = a.platform AND n.open_platform = a.open_platform AND n.union_id = a.union_id
		JOIN users other ON other.id = a.other
		JOIN users owner ON owner.id = coalesce(n.user_id, (
			SELECT u.id FROM accounts b JOIN users u ON u.id = b.user_id
			WHERE b.platform = a.platform AND b.open_platform{bytewise} = a.open_platform
				AND b.union_id{bytewise} = a.union_id
				AND b.union_id <> '' AND b.open_platform <> '' AND u.joined_into IS NULL AND u.deletes_at IS NULL
			ORDER BY u.created_at, u.id LIMIT 1))
	WHERE owner.id <> other.id AND owner.joined_into IS NULL AND owner.deletes_at IS NULL
		AND other.joined_into IS NULL AND other.deletes_at IS NULL
	ORDER BY 1, 2, 3, 5 LIMIT ?`, duplicatesBatch)
)
