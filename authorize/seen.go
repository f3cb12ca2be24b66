package authorize

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
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
	seenPurpose  = "authorization request seen"
	secretIDSize = 6
	seenBody     = secretIDSize + 8 + 1 + 16
	seenSize     = seenBody + 32
)

// writeSeen encodes what has been done, with a MAC over it, the request and the browser, so that it counts nowhere
// else. It returns "" if there is no secret.
func (s *Service) writeSeen(seen Seen, r Request, browser Browser) string {
	set := s.keys.Current()
	id := set.SecretID()
	b := append(make([]byte, 0, seenSize), id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(seen.At.UnixMilli()))
	var flags byte
	if seen.Consented {
		flags = 1
	}
	b = append(b, flags)
	chosen, _ := uuid.Parse(seen.Chosen) // the zero UUID for none
	b = append(b, chosen[:]...)
	mac, ok := set.MAC(id, seenPurpose, b, []byte(r.bound), browser.id())
	if !ok {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(b, mac[:]...))
}

// readSeen returns what has been done, or the zero value if the text was not written for this request and browser, or
// too long ago.
func (s *Service) readSeen(text string, r Request, browser Browser, now time.Time) Seen {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != seenSize {
		return Seen{}
	}
	mac, ok := s.keys.Current().MAC([secretIDSize]byte(b), seenPurpose, b[:seenBody], []byte(r.bound), browser.id())
	if !ok || subtle.ConstantTimeCompare(mac[:], b[seenBody:]) != 1 {
		return Seen{}
	}
	rest := b[secretIDSize:]
	seen := Seen{At: time.UnixMilli(int64(binary.BigEndian.Uint64(rest))), Consented: rest[8] == 1}
	if chosen := uuid.UUID(rest[9:25]); chosen != uuid.Nil {
		seen.Chosen = chosen.String()
	}
	if now.Sub(seen.At) > seenFor || seen.At.Sub(now) > seenFor {
		return Seen{}
	}
	return seen
}
