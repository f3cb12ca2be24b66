package sql

import (
	"context"
	"fmt"
	"strings"

	"github.com/lingpai/lingpai/identity"
)

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
