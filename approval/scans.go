package approval

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
)

const (
	// ScanLifetime is how long a code can be scanned, who has scanned it may take to decide, and an approval be used.
	ScanLifetime = 2 * time.Minute
	// scanKept is how long a code is kept: each of these may happen at the end of its time.
	scanKept = 3 * ScanLifetime
	// handleSize is the size of a handle in bytes. In base64url it has 32 characters, as many as the scene of a
	// mini-program code may have.
	handleSize = 24
)

var (
	// ErrScanned means that somebody else has scanned a code before.
	ErrScanned = errors.New("the code was already scanned")
	// ErrCrowded means that there is no room for a code, or for one more who waits for it.
	ErrCrowded = errors.New("too many codes are shown")
)

// Screen is a browser that shows a code to be scanned, and what for.
type Screen struct {
	ClientID string `json:"c"`           // which has asked it to sign somebody in
	Host     string `json:"o,omitempty"` // the host of the client's redirect URI
	Address  string `json:"a,omitempty"` // IP address
	Device   string `json:"d,omitempty"` // from its User-Agent header
	Numbers  []int  `json:"n,omitempty"` // the one that it shows, and others
}

// Approver is a session of a user who has scanned a code. It can decide, and nobody else.
type Approver struct {
	SessionID string              `json:"s"`
	Browser   bool                `json:"b,omitempty"` // it is a browser session, and not one of a client
	UserID    string              `json:"u"`
	Epoch     int64               `json:"e,omitempty"` // User.AuthEpoch
	Account   identity.AccountKey `json:"k,omitzero"`
}

// Scan is a screen with what has become of its code.
type Scan struct {
	Screen
	Opened    time.Time
	ScannedBy *Approver // nil: nobody
	Status    Status
	Used      bool      // the screen has signed in
	Expires   time.Time // of the code, or of what was decided
}

// Scans keeps the codes of screens in a volatile store. It is safe for concurrent use. Each code is three values: the
// screen, who has scanned it, and the decision. Each is written once, so that nothing can overwrite another's step.
type Scans struct {
	store identity.Volatile
	now   func() time.Time
	watch *watch
	shown *shown
}

// NewScans returns the scans in a store.
func NewScans(store identity.Volatile, now func() time.Time) *Scans {
	return &Scans{store, now, newWatch(store), newShown(store)}
}

// storedScreen, storedApprover and storedDecision are the values of a code. Times are Unix times in milliseconds.
type (
	storedScreen struct {
		Screen
		Secret []byte `json:"h"` // SHA-256 of the screen's secret
		Opened int64  `json:"t"`
	}
	storedApprover struct {
		Approver
		At int64 `json:"t"`
	}
	storedDecision struct {
		Status Status `json:"d"`
		At     int64  `json:"t"`
	}
)

func scanKey(handle string) string         { return identity.VolatileKey("scan", handle) }
func approverKey(handle string) string     { return identity.VolatileKey("scanned by", handle) }
func scanDecisionKey(handle string) string { return identity.VolatileKey("scan decision", handle) }
func usedKey(handle string) string         { return identity.VolatileKey("scan used", handle) }

// reportKey is the key of the time at which somebody said that they know nothing of a code shown at an address, or at
// another one of the same customer.
func reportKey(address string) string {
	return identity.VolatileKey("scan reported", limits.Customer(address))
}

// Open keeps a screen with a secret, and returns the handle that its code contains. It returns ErrTooLarge if the
// screen is, and ErrCrowded if there are too many and its network has most of them.
func (s *Scans) Open(ctx context.Context, secret []byte, screen Screen) (string, error) {
	random := make([]byte, handleSize)
	rand.Read(random) // never returns an error (crypto/rand)
	handle, sum, now := base64.RawURLEncoding.EncodeToString(random), sha256.Sum256(secret), s.now()
	value := encode(storedScreen{screen, sum[:], now.UnixMilli()})
	if len(value) > maxValue {
		return "", ErrTooLarge
	}
	code, ok := s.shown.enter(handle, screen.Address, now, now.Add(scanKept))
	if !ok {
		return "", ErrCrowded
	}
	if err := s.store.Put(ctx, scanKey(handle), value, scanKept); err != nil {
		s.shown.leave(code)
		return "", err
	}
	return handle, nil
}

// ValidHandle reports whether a text has the form of a handle.
func ValidHandle(text string) bool {
	random, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(random) == handleSize && len(text) == base64.RawURLEncoding.EncodedLen(handleSize)
}

// Find returns the scan with a handle. It returns identity.ErrNotFound if there is none, or if it has expired.
func (s *Scans) Find(ctx context.Context, handle string) (Scan, error) {
	_, found, err := s.find(ctx, handle)
	return found, err
}

// FindFor is Find for the screen with a secret: for another one, there is no such scan.
func (s *Scans) FindFor(ctx context.Context, handle string, secret []byte) (Scan, error) {
	screen, found, err := s.find(ctx, handle)
	if err == nil && !isHashOf(screen.Secret, secret) {
		return Scan{}, identity.ErrNotFound
	}
	return found, err
}

func (s *Scans) find(ctx context.Context, handle string) (storedScreen, Scan, error) {
	values, err := s.store.GetAll(ctx, scanKey(handle), approverKey(handle), scanDecisionKey(handle), usedKey(handle))
	if err != nil {
		return storedScreen{}, Scan{}, err
	}
	var screen storedScreen
	if values[0] == nil || json.Unmarshal(values[0], &screen) != nil {
		return storedScreen{}, Scan{}, identity.ErrNotFound
	}
	found := Scan{Screen: screen.Screen, Opened: time.UnixMilli(screen.Opened), Used: values[3] != nil}
	last := screen.Opened
	var by storedApprover
	if values[1] != nil && json.Unmarshal(values[1], &by) == nil {
		found.ScannedBy, last = &by.Approver, by.At
	}
	var decision storedDecision
	if values[2] != nil && json.Unmarshal(values[2], &decision) == nil {
		found.Status, last = decision.Status, decision.At
	}
	if found.Expires = time.UnixMilli(last).Add(ScanLifetime); !s.now().Before(found.Expires) {
		return screen, Scan{}, identity.ErrNotFound
	}
	return screen, found, s.checkReport(ctx, found)
}

// checkReport returns identity.ErrNotFound for a scan that is undecided, and was open when its address was reported.
func (s *Scans) checkReport(ctx context.Context, found Scan) error {
	value, err := s.store.Get(ctx, reportKey(found.Address))
	var at int64
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return nil
	case err != nil:
		return err
	case json.Unmarshal(value, &at) == nil && found.Status == Pending && found.Opened.UnixMilli() <= at:
		return identity.ErrNotFound
	}
	return nil
}

// Claim records who has scanned a code, and returns the scan. Of any number of sessions one does, as often as it likes.
// The others get ErrScanned, or ErrDecided if that one has decided already.
func (s *Scans) Claim(ctx context.Context, handle string, by Approver) (Scan, error) {
	found, err := s.Find(ctx, handle)
	if err != nil {
		return Scan{}, err
	}
	if found.ScannedBy == nil {
		value := encode(storedApprover{by, s.now().UnixMilli()})
		if _, err := s.store.PutIfAbsent(ctx, approverKey(handle), value, scanKept); err != nil {
			return Scan{}, err
		}
		s.watch.written(approverKey(handle))
		if found, err = s.Find(ctx, handle); err != nil {
			return Scan{}, err
		}
	}
	return found, found.heldBy(by.SessionID)
}

// heldBy returns nil if a session has scanned the code, and may still decide.
func (s Scan) heldBy(sessionID string) error {
	switch {
	case s.ScannedBy == nil || s.ScannedBy.SessionID != sessionID:
		return ErrScanned
	case s.Status != Pending:
		return ErrDecided
	}
	return nil
}

// Decide decides for the session that has scanned a code, and reports whether that is new. It returns ErrScanned if
// that is another one, or none, and ErrDecided if it was decided otherwise.
func (s *Scans) Decide(ctx context.Context, handle, sessionID string, status Status) (first bool, err error) {
	found, err := s.Find(ctx, handle)
	if err != nil {
		return false, err
	}
	if err := found.heldBy(sessionID); err != nil && !errors.Is(err, ErrDecided) {
		return false, err
	}
	value := encode(storedDecision{status, s.now().UnixMilli()})
	if first, err = s.store.PutIfAbsent(ctx, scanDecisionKey(handle), value, scanKept); err != nil {
		return false, err
	}
	s.watch.written(scanDecisionKey(handle))
	found, err = s.Find(ctx, handle)
	switch {
	case err != nil:
		return false, err
	case found.ScannedBy == nil || found.ScannedBy.SessionID != sessionID || found.Status != status:
		return false, ErrDecided
	}
	return first, nil
}

// Report ends all scans that are now open at an address and undecided.
func (s *Scans) Report(ctx context.Context, address string) error {
	return s.store.Put(ctx, reportKey(address), encode(s.now().UnixMilli()), scanKept)
}

// Redeem reports whether an approval has not been used before: of any number of callers, one gets true.
func (s *Scans) Redeem(ctx context.Context, handle string) (bool, error) {
	return s.store.PutIfAbsent(ctx, usedKey(handle), []byte{1}, scanKept)
}

// StopWaiting ends all calls of Wait, also later ones: a server that stops must not wait for them.
func (s *Scans) StopWaiting() { s.watch.end() }

// Wait waits until a scan has come further than it was, or until the context ends. On this process it learns of that at
// once, and of what others have written within a second. It returns ErrCrowded if too many wait for this scan.
func (s *Scans) Wait(ctx context.Context, handle string, was Scan) error {
	switch {
	case was.ScannedBy == nil:
		return s.watch.wait(ctx, approverKey(handle))
	case was.Status == Pending:
		return s.watch.wait(ctx, scanDecisionKey(handle))
	}
	return nil
}
