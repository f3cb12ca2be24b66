package keys

import (
	"cmp"
	"slices"
	"time"
)

// Info describes a key without its secret.
type Info struct {
	Purpose   Purpose
	Sequence  int
	ID        string
	State     State
	MasterKey string // the id of the master key that sealed it
	CreatedAt time.Time

	AnnouncedAt, SigningAt, RetiredAt, GoneAt time.Time // zero: not yet
}

// Describe describes all keys without opening them, including those that are gone: signing keys first, the newest of
// each purpose before older ones.
func Describe(records []Record, now time.Time) []Info {
	active := map[Purpose]Record{}
	for _, purpose := range []Purpose{Signing, Refresh} {
		active[purpose], _ = chooseActive(records, purpose, now)
	}
	infos := make([]Info, len(records))
	for n, r := range records {
		master, _, _ := cutEnvelope(r.Sealed)
		infos[n] = Info{
			r.Purpose, r.Sequence, r.ID, r.state(active[r.Purpose], now), master, r.CreatedAt, r.AnnouncedAt,
			r.SigningAt, r.RetiredAt, r.GoneAt,
		}
	}
	slices.SortFunc(infos, func(a, b Info) int {
		return cmp.Or(-cmp.Compare(a.Purpose, b.Purpose), -cmp.Compare(a.Sequence, b.Sequence))
	})
	return infos
}
