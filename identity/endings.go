package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// MaxBucketEndings is how many ended sessions of the users of one bucket are listed individually.
const MaxBucketEndings = 8

// EndedSessions are the ended sessions whose access tokens may still be valid. Every one of them is in SessionIDs, or
// is covered by the entry of its user's bucket.
type EndedSessions struct {
	SessionIDs []string
	Buckets    []EndedBucket // at most one for each bucket, in ascending order
	ReadAt     time.Time     // by the store's clock: no session that ended before is missing
}

// EndedBucket stands for ended sessions of users of a bucket that are too many to list.
type EndedBucket struct {
	Bucket uint16
	At     time.Time // when the latest of them ended; never after EndedSessions.ReadAt
}

// Bucket returns the bucket of a user: the first 16 bits of the SHA-256 of the user's id. Many users share a bucket, so
// it does not reveal which of them is concerned, even if ids can be guessed.
func Bucket(userID string) uint16 {
	sum := sha256.Sum256([]byte(userID))
	return binary.BigEndian.Uint16(sum[:])
}
