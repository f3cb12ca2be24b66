package password

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"math/bits"
	"slices"
	"strings"
)

// kind is a kind of stored hashes, by parameters.
type kind struct {
	standIn string // a hash with these parameters, whose password nobody knows
	upTo    uint64 // how many hashes are of this kind or an earlier one
}

// SetStored sets how many hashes are stored, by what precedes the salt, such as "$2b$12$". It ignores those that this
// package does not support. Before the first call, all are assumed to have the parameters of new ones.
func (h *Hasher) SetStored(counts map[string]int) {
	kinds, total := []kind{}, uint64(0)
	for _, parameters := range slices.Sorted(maps.Keys(counts)) {
		encoded := standIn(parameters)
		if CheckHash(encoded) == nil && counts[parameters] > 0 {
			total += uint64(counts[parameters])
			kinds = append(kinds, kind{encoded, total})
		}
	}
	h.stored.Store(&kinds)
}

func standIn(parameters string) string {
	if isBcrypt(parameters) {
		return parameters + strings.Repeat(".", bcryptSize-len("$2b$12$"))
	}
	zero := base64.RawStdEncoding.EncodeToString
	return parameters + zero(make([]byte, saltSize)) + "$" + zero(make([]byte, hashSize))
}

// CheckUnknown does the work of [Hasher.Check] for a name that nobody has, or whose user has no password: that of one
// of the stored hashes, so that the time does not reveal which names exist. A name always takes the time of the same
// kind of hash, as those of users do, and each kind serves as large a share of unknown names as of users. Which names
// it serves depends on the secret Options.NameKey. CheckUnknown returns ErrBusy or the context's error.
func (h *Hasher) CheckUnknown(ctx context.Context, caller Caller, name, password string) error {
	_, _, err := h.Check(ctx, caller, h.standInFor(name), password)
	return err
}

// standInFor returns the stand-in of a name, or "" if no kinds are known.
func (h *Hasher) standInFor(name string) string {
	kinds := h.stored.Load()
	if kinds == nil || len(*kinds) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, h.nameKey)
	mac.Write([]byte(name))
	total := (*kinds)[len(*kinds)-1].upTo
	place, _ := bits.Mul64(binary.BigEndian.Uint64(mac.Sum(nil)), total) // a fraction of total: most names keep theirs
	n := slices.IndexFunc(*kinds, func(k kind) bool { return place < k.upTo })
	return (*kinds)[n].standIn
}
