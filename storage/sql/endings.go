package sql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

const (
	// endingsSlack is for verifiers that accept a token for a minute after it has expired, and for servers whose
	// clocks are a minute ahead.
	endingsSlack = 2 * time.Minute
	// longestAccessTTL is longer than the lifetime of any access token. keepEndings and the pruning of sessions keep
	// ended sessions that long.
	longestAccessTTL = 24*time.Hour + endingsSlack

	// unlisted is the bucket of ended sessions that are not on the list.
	unlisted = -1
	// unknownBucket is the bucket of a session that a server of a previous version deleted together with its user.
	unknownBucket = -2
	// bucketsAtOnce is how many buckets one statement reads: few enough that it ends long before the timeout.
	bucketsAtOnce = 4096
	// manyEndings is how many of them make it necessary to read only the latest two of each bucket.
	manyEndings = 2 * bucketsAtOnce

	// futureLag is how far before now a bucket's ending is placed if the store's clock was set back since, so that a
	// new access token is valid for at least that long.
	futureLag = time.Minute
	// readTime is longer than the time from reading the clock to reading the sessions. Those that end meanwhile seem to
	// end in the future, too.
	readTime = 5 * time.Second
)

// endingTable has the queries for the endings of one table, each of which reads an index from its end on.
type endingTable struct {
	// latest returns the latest endings. The user is only returned if there is no bucket. Values: a time that they
	// ended after, and a limit.
	latest string
	// withoutBucket is like latest, but returns only endings that a server of a previous version recorded.
	withoutBucket string
	// ofBuckets returns the latest endings of each bucket as one text; see parseEndings. It reads only a few rows of
	// each bucket, however many there are. Values: the first and the last bucket, then as for latest.
	ofBuckets string
}

var (
	endingsOfSessions = newEndingTable("sessions", "CASE WHEN bucket IS NULL THEN user_id END",
		"CASE WHEN idle_expires_at < expires_at THEN idle_expires_at ELSE expires_at END")
	endingsOfDeleted = newEndingTable("ended_sessions", "CAST(NULL AS TEXT)", "ended_at")
)

// newEndingTable compares and orders by exactly what an index contains, so that PostgreSQL reads the index and not all
// sessions. The index of buckets contains the negative time, and the conditions differ, so that PostgreSQL cannot take
// another index instead: its statistics are wrong while one user has most endings.
func newEndingTable(name, user, expiresAt string) endingTable {
	rows := "SELECT id, bucket, " + user + ", ended_at, " + expiresAt + " FROM " + name + " WHERE "
	const latestInBucket = " AND ended_at IS NOT NULL AND -ended_at < -CAST(? AS BIGINT) ORDER BY -ended_at LIMIT ?"
	return endingTable{
		latest:        rows + "ended_at > ? AND coalesce(bucket, 0) >= 0 ORDER BY ended_at DESC LIMIT ?",
		withoutBucket: rows + "bucket IS NULL" + latestInBucket,
		ofBuckets: "WITH RECURSIVE buckets (bucket) AS (SELECT CAST(? AS INTEGER) UNION ALL SELECT bucket + 1 FROM " +
			"buckets WHERE bucket < ?) SELECT coalesce(string_agg((SELECT string_agg(id || ' ' || " +
			"CAST(bucket AS TEXT) || ' ' || CAST(ended_at AS TEXT), ' ') FROM (SELECT id, bucket, ended_at FROM " +
			name + " WHERE " + name + ".bucket = buckets.bucket" + latestInBucket +
			") AS latest), ' '), '') FROM buckets",
	}
}

// ending is an ended session. Times are Unix times in milliseconds.
type ending struct {
	id        string
	bucket    int // or unknownBucket
	endedAt   int64
	expiresAt int64 // if it had not ended; not set by parseEndings
}

// endingRows are endings of a table. If one is missing, it ended at or before missingUntil, or more than keep later
// ones of its bucket are present.
type endingRows struct {
	rows         []ending
	keep         int
	missingUntil int64
}

// Ended implements identity.Sessions. It reads the clock before the sessions, so that no session that ended before that
// time is missing.
func (s *Sessions) Ended(ctx context.Context, accessTTL time.Duration, limit int) (identity.EndedSessions, error) {
	now, err := s.db.Clock(ctx)
	if err != nil {
		return identity.EndedSessions{}, err
	}
	db := s.db.read.WithContext(ctx)
	longest, err := scanAll[int64](db, "SELECT coalesce(max(access_ttl), 0) FROM clients")
	if err != nil {
		return identity.EndedSessions{}, err
	}
	since := now.Add(-max(accessTTL, time.Duration(longest[0])*time.Millisecond) - endingsSlack).UnixMilli()
	known, err := endingsOfSessions.read(db, since, limit)
	if err != nil {
		return identity.EndedSessions{}, err
	}
	deleted, err := endingsOfDeleted.read(db, since, limit)
	if err != nil {
		return identity.EndedSessions{}, err
	}
	endings := foldEndings(append(known.rows, deleted.rows...), now, min(known.keep, deleted.keep), limit)
	if until := max(known.missingUntil, deleted.missingUntil); until > 0 {
		endings.Buckets = coverAll(endings.Buckets, now, until)
	}
	return endings, nil
}

// read returns all endings of a table, or if they are more than limit, the latest ones of each bucket.
func (t endingTable) read(db *gorm.DB, since int64, limit int) (endingRows, error) {
	latest, err := scanEndings(db, t.latest, since, limit+1)
	if err != nil || len(latest) <= limit {
		// tokens of a session that expired that long ago have expired, too
		latest = slices.DeleteFunc(latest, func(e ending) bool { return e.expiresAt <= since })
		return endingRows{rows: latest, keep: identity.MaxBucketEndings}, err
	}
	var found endingRows
	if found.rows, err = scanEndings(db, t.withoutBucket, since, limit+1); err != nil {
		return endingRows{}, err
	}
	if len(found.rows) > limit {
		found.missingUntil = found.rows[limit].endedAt
	}
	found.keep = identity.MaxBucketEndings
	for first := 0; first < 1<<16; first += bucketsAtOnce {
		var text string
		if err := one(db.Raw(t.ofBuckets, first, first+bucketsAtOnce-1, since, found.keep+1), &text); err != nil {
			return endingRows{}, err
		}
		rows, err := parseEndings(text)
		if err != nil {
			return endingRows{}, err
		}
		if len(rows) > manyEndings {
			found.keep = 1
		}
		found.rows = append(found.rows, rows...)
	}
	return found, nil
}

// scanEndings returns the rows of a query for latest endings.
func scanEndings(db *gorm.DB, query string, values ...any) ([]ending, error) {
	found, err := db.Raw(query, values...).Rows()
	if err != nil {
		return nil, ended(db.Statement.Context, err)
	}
	defer found.Close()
	var rows []ending
	for found.Next() {
		var row ending
		var bucket *int
		var userID *string
		if err := found.Scan(&row.id, &bucket, &userID, &row.endedAt, &row.expiresAt); err != nil {
			return nil, err
		}
		switch {
		case bucket != nil:
			row.bucket = *bucket
		case userID != nil:
			row.bucket = int(identity.Bucket(*userID))
		default:
			row.bucket = unknownBucket
		}
		rows = append(rows, row)
	}
	return rows, ended(db.Statement.Context, found.Err())
}

// parseEndings parses a text of endings: the id, the bucket and the time of each, all separated by spaces.
func parseEndings(text string) ([]ending, error) {
	fields := strings.Fields(text)
	rows := make([]ending, 0, len(fields)/3)
	for ; len(fields) >= 3; fields = fields[3:] {
		bucket, err1 := strconv.Atoi(fields[1])
		at, err2 := strconv.ParseInt(fields[2], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("the endings of a bucket: %w", err)
		}
		rows = append(rows, ending{id: fields[0], bucket: bucket, endedAt: at})
	}
	return rows, nil
}

// foldEndings lists at most limit endings, and at most keep of a bucket: first the latest of each bucket, then the
// second of each, and so on, so that the fullest buckets lose theirs first. The others are covered by an ending of
// their bucket. Those without a bucket cannot be covered, so they come before all others.
func foldEndings(rows []ending, now time.Time, keep, limit int) identity.EndedSessions {
	slices.SortFunc(rows, func(a, b ending) int { return cmp.Compare(b.endedAt, a.endedAt) })
	counts := make(map[int]int, len(rows))
	ranked := make([][]ending, keep) // by how many later endings the bucket has
	var alone, covered []ending
	for _, row := range rows {
		rank := counts[row.bucket]
		counts[row.bucket]++
		switch {
		case row.bucket == unknownBucket:
			alone = append(alone, row)
		case rank < keep:
			ranked[rank] = append(ranked[rank], row)
		default:
			covered = append(covered, row)
		}
	}
	listed := slices.Concat(alone, slices.Concat(ranked...))
	if len(listed) > limit {
		covered, listed = append(covered, listed[limit:]...), listed[:limit]
	}
	endings := identity.EndedSessions{ReadAt: now}
	for _, row := range listed {
		endings.SessionIDs = append(endings.SessionIDs, row.id)
	}
	endings.Buckets = bucketEndings(covered, now)
	return endings
}

// bucketEndings returns one ending for each bucket.
func bucketEndings(rows []ending, now time.Time) []identity.EndedBucket {
	latest := make(map[int]int64, len(rows))
	for _, row := range rows {
		if row.bucket >= 0 {
			latest[row.bucket] = max(latest[row.bucket], row.endedAt)
		}
	}
	endings := make([]identity.EndedBucket, 0, len(latest))
	for bucket, at := range latest {
		endings = append(endings, identity.EndedBucket{Bucket: uint16(bucket), At: notAfter(now, at)})
	}
	slices.SortFunc(endings, func(a, b identity.EndedBucket) int { return cmp.Compare(a.Bucket, b.Bucket) })
	return endings
}

// notAfter returns the time of an ending, but at most now. If it is far in the future, the clock was set back. Tokens
// that are issued now would be refused until it gets there, so the returned time is one that they outlive.
func notAfter(now time.Time, endedAt int64) time.Time {
	switch at := instant(&endedAt); {
	case at.After(now.Add(readTime)):
		return now.Add(-futureLag)
	case at.After(now):
		return now
	default:
		return at
	}
}

// coverAll covers every bucket up to a time, because more sessions ended without a bucket than can be listed. This is
// only possible for a day after an upgrade.
func coverAll(some []identity.EndedBucket, now time.Time, until int64) []identity.EndedBucket {
	all := make([]identity.EndedBucket, 1<<16)
	for bucket := range all {
		all[bucket] = identity.EndedBucket{Bucket: uint16(bucket), At: notAfter(now, until)}
	}
	for _, ending := range some {
		if ending.At.After(all[ending.Bucket].At) {
			all[ending.Bucket].At = ending.At
		}
	}
	return all
}

// keepEndings keeps what is needed of the sessions of users who are being deleted. Sessions that had not ended end
// now.
func keepEndings(tx *gorm.DB, now time.Time, userIDs []string) error {
	since := now.Add(-longestAccessTTL).UnixMilli()
	for _, id := range userIDs {
		if err := tx.Exec("INSERT INTO ended_sessions (id, ended_at, bucket) SELECT id, coalesce(ended_at, ?), "+
			"CAST(? AS INTEGER) FROM sessions WHERE user_id = ? AND coalesce(ended_at, ?) > ? AND idle_expires_at > ? "+
			"AND expires_at > ? AND coalesce(bucket, 0) >= 0", now.UnixMilli(), int(identity.Bucket(id)), id,
			now.UnixMilli(), since, since, since).Error; err != nil {
			return err
		}
	}
	return nil
}
