package approval

import (
	"container/list"
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/internal/shares"
	"github.com/lingpai/lingpai/limits"
)

// maxShown is how many codes a process keeps: at most 60 MiB. If 256 networks show as many as they can, each has room
// for more than two hundred.
const maxShown = 60_000

// shown are the codes that this process has opened and that are still kept. When there are too many, the newest of the
// network with most is forgotten. It is safe for concurrent use.
type shown struct {
	store  identity.Volatile
	shares *shares.Shares
	mutex  sync.Mutex
	codes  *list.List // of *shownCode; the oldest first
}

func newShown(store identity.Volatile) *shown {
	return &shown{store: store, shares: shares.New(maxShown), codes: list.New()}
}

// shownCode is the holder of a code's claim.
type shownCode struct {
	claim   shares.Claim
	of      *shown
	handle  string
	until   time.Time
	element *list.Element
}

// enter makes room for a code that is kept until a time. It reports false if its network shows most codes, so that its
// own would be the one to go. Call leave if the code is not kept after all.
func (s *shown) enter(handle, address string, now, until time.Time) (*shownCode, bool) {
	s.forgetOld(now)
	code := &shownCode{of: s, handle: handle, until: until}
	code.claim.Holder = code
	s.mutex.Lock()
	code.element = s.codes.PushBack(code)
	s.mutex.Unlock()
	shownAt, _ := netip.ParseAddr(address) // an invalid one is a network of its own
	if !s.shares.Take(&code.claim, limits.NetworkOf(shownAt), 1) {
		s.leave(code)
		return nil, false
	}
	return code, true
}

func (s *shown) leave(code *shownCode) {
	s.shares.Release(&code.claim)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.codes.Remove(code.element)
}

// forgetOld releases the codes that the store has dropped.
func (s *shown) forgetOld(now time.Time) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for oldest := s.codes.Front(); oldest != nil; oldest = s.codes.Front() {
		code := oldest.Value.(*shownCode)
		if now.Before(code.until) {
			return
		}
		s.codes.Remove(oldest)
		s.shares.Release(&code.claim)
	}
}

// Shed implements shares.Holder. A code that somebody has scanned stays: they are about to decide. So does one whose
// store fails, until the end of its time.
func (c *shownCode) Shed() {
	c.of.leave(c)
	ctx := context.Background() // the request is another one's
	scanned, err := c.of.store.GetAll(ctx, approverKey(c.handle))
	if err == nil && scanned[0] == nil {
		_, _ = c.of.store.Take(ctx, scanKey(c.handle))
	}
}
