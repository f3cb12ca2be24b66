package authorize

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Seen is what a browser has already done for a request, which ends loops: a request with prompt=login is answered once
// the user has signed in after it was first seen. The zero value is a request that was not seen before.
type Seen struct {
	At        time.Time // when the request was first seen, by the store's clock
	Chosen    string    // id of the browser session that was chosen or signed in to; "": none
	Consented bool      // whether the user of Chosen has consented
}

// seenFor is how long a Seen is good.
const seenFor = 15 * time.Minute

const (
	seenPurpose = "authorization request seen"
	seenSize    = 8 + 1 + 16
)

// writeSeen encodes what has been done, sealed for the request and the browser, so that it counts nowhere else. It
// returns "" if there is no secret.
func (s *Service) writeSeen(seen Seen, r Request, browser Browser) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, seenSize), uint64(seen.At.UnixMilli()))
	var flags byte
	if seen.Consented {
		flags = 1
	}
	b = append(b, flags)
	chosen, _ := uuid.Parse(seen.Chosen) // the zero UUID for none
	text, _ := seal(s.keys.Current(), seenPurpose, boundTo(r, browser), append(b, chosen[:]...))
	return text
}

// readSeen returns what has been done, or the zero value if the text was not written for this request and browser, or
// too long ago.
func (s *Service) readSeen(text string, r Request, browser Browser, now time.Time) Seen {
	b, err := unseal(s.keys.Current(), seenPurpose, boundTo(r, browser), text)
	if err != nil || len(b) != seenSize {
		return Seen{}
	}
	seen := Seen{At: time.UnixMilli(int64(binary.BigEndian.Uint64(b))), Consented: b[8] == 1}
	if chosen := uuid.UUID(b[9:]); chosen != uuid.Nil {
		seen.Chosen = chosen.String()
	}
	if now.Sub(seen.At) > seenFor || seen.At.Sub(now) > seenFor {
		return Seen{}
	}
	return seen
}

// boundTo returns the context of a Seen: the request has no zero byte, and the browser's own secret a fixed size.
func boundTo(r Request, browser Browser) []byte {
	return slices.Concat([]byte(r.bound), []byte{0}, browser.own)
}
