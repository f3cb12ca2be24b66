package authorize

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"slices"
	"time"

	"github.com/lingpai/lingpai/approval"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
)

// NumberMatching is what the number on a screen is for: somebody who approves a sign-in that another person began does
// not see that screen (RFC 10027).
type NumberMatching string

// The ways to match numbers.
const (
	NumberOff    NumberMatching = "off"    // there is none
	NumberShow   NumberMatching = "show"   // the phone shows it as well
	NumberChoose NumberMatching = "choose" // the user chooses it on the phone among three
)

// Places says where IP addresses are. See package places.
type Places interface {
	// Compare returns where an address is, in a language of the pages, and where another one is if that is elsewhere.
	// Either is "" if it is unknown.
	Compare(address, other, language string) (place, otherPlace string)
}

// ScansConfig holds the dependencies of Scans. All fields but Codes, Links and Places are required.
type ScansConfig struct {
	Service  *Service
	Users    identity.Users
	Events   identity.Events
	Volatile identity.Volatile
	Enabled  bool
	Numbers  NumberMatching
	Codes    *signin.MiniProgramCodes // nil: codes are addresses of this server
	Links    *signin.MiniProgramLinks // nil: a phone's browser cannot open WeChat
	Places   Places                   // nil: none is known
	Now      func() time.Time
}

// Scans signs users in on a screen that shows a code: they scan it with a phone on which they are signed in, and
// approve there. The screen then signs itself in, so that nothing of use passes through the phone.
type Scans struct {
	config ScansConfig
	scans  *approval.Scans
}

// NewScans returns Scans.
func NewScans(c ScansConfig) *Scans { return &Scans{c, approval.NewScans(c.Volatile, c.Now)} }

// Offers reports whether a request may be answered after a scan.
func (s *Scans) Offers(r Request) bool {
	return s.config.Enabled && !r.Elsewhere() && r.accepts(s.config.Service.classes[identity.MethodScan])
}

// Errors of scans. The member "scan" of the answer is for programs.
var (
	ErrNoScan = scanError("expired", "There is no such code, or it has expired. Scan the one that the screen "+
		"shows now.")
	ErrTaken       = scanError("taken", "Somebody else has scanned this code already. Let the screen show a new one.")
	ErrScanDecided = scanError("decided", "This code was already decided.")
	ErrWrongNumber = scanError("wrong_number", "That is not the number on the screen, so the sign-in was declined.")
	ErrFromPicture = scanError("from_picture", "The code came as a picture, and the screen is elsewhere. Scan the one "+
		"on the screen with the camera.")
	ErrFromLink = scanError("from_link", "The link opens WeChat on the phone whose browser it was made for, and that "+
		"one is elsewhere. Start again in the browser of this phone.")
	ErrNotScanned = scanError("not_scanned", "Scan the code first.")

	errCrowded = oauth.Unavailable("Too many codes are shown in this network. Sign in in another way, or try again "+
		"shortly.", time.Minute, approval.ErrCrowded)
)

func scanError(reason, description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidGrant, Description: description, Members: map[string]any{"scan": reason}}
}

// scanFailed returns the error of a scan as an oauth.Error.
func scanFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, identity.ErrNotFound):
		return ErrNoScan
	case errors.Is(err, approval.ErrScanned):
		return ErrTaken
	case errors.Is(err, approval.ErrDecided):
		return ErrScanDecided
	case errors.Is(err, approval.ErrCrowded):
		return errCrowded
	}
	return oauth.StoreFailed(err)
}

// Start returns the handle of a new code for a request of a browser, which is at an address.
func (s *Scans) Start(ctx context.Context, r Request, browser Browser, address, userAgent string) (string, error) {
	if err := s.config.Service.limiter.Count(ctx, limits.ByAddress(limits.Scans, address).
		About(identity.Event{ClientID: r.Client.ID})); err != nil {
		return "", err
	}
	screen := approval.Screen{ClientID: r.Client.ID, Host: r.Host(), Address: address,
		Device: signin.ScreenLabel(userAgent)}
	if s.config.Numbers != NumberOff {
		screen.Numbers = threeNumbers()
	}
	handle, err := s.scans.Open(ctx, browser.own, screen)
	return handle, scanFailed(err)
}

// threeNumbers returns three different numbers of two digits.
func threeNumbers() []int {
	var numbers []int
	for len(numbers) < 3 {
		n, _ := rand.Int(rand.Reader, big.NewInt(90)) // never returns an error (crypto/rand)
		if number := 10 + int(n.Int64()); !slices.Contains(numbers, number) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// OnScreen is a code on the screen that shows it.
type OnScreen struct {
	Progress Progress
	Number   int // that the screen shows; 0: none
	Expires  time.Time

	scan approval.Scan
}

// Progress is how far a scan has come.
type Progress string

// The progress of a scan.
const (
	ScanPending  Progress = "pending"
	ScanScanned  Progress = "scanned"
	ScanApproved Progress = "approved"
	ScanDenied   Progress = "denied"
)

func progressOf(scan approval.Scan) Progress {
	switch {
	case scan.Status == approval.Approved:
		return ScanApproved
	case scan.Status == approval.Denied:
		return ScanDenied
	case scan.ScannedBy != nil:
		return ScanScanned
	}
	return ScanPending
}

// Shown returns the code that a browser shows, or ErrNoScan if it is not that browser's.
func (s *Scans) Shown(ctx context.Context, handle string, browser Browser) (OnScreen, error) {
	if !s.config.Enabled || !browser.Known() || !approval.ValidHandle(handle) {
		return OnScreen{}, ErrNoScan
	}
	scan, err := s.scans.FindFor(ctx, handle, browser.own)
	if err != nil {
		return OnScreen{}, scanFailed(err)
	}
	shown := OnScreen{Progress: progressOf(scan), Expires: scan.Expires, scan: scan}
	if len(scan.Numbers) > 0 {
		shown.Number = scan.Numbers[0]
	}
	return shown, nil
}

// ForMiniProgram reports whether codes open a mini-program.
func (s *Scans) ForMiniProgram() bool { return s.config.Codes != nil }

// Picture returns the picture of a code that a browser shows, and that opens a mini-program; nothing if codes are
// addresses. WeChat makes few for an app, so each code gets few. It returns ErrNoScan, oauth.TooManyRequests, and the
// errors of [signin.MiniProgramCodes.Picture].
func (s *Scans) Picture(ctx context.Context, handle string, browser Browser) (contentType string, body []byte,
	err error) {
	if _, err := s.Shown(ctx, handle, browser); err != nil {
		return "", nil, err
	}
	if !s.ForMiniProgram() {
		return "", nil, nil
	}
	own := limits.Of(limits.ScanPictures, handle)
	if err := s.config.Service.limiter.CountEach(ctx, own, limits.Of(limits.AllScanPictures)); err != nil {
		return "", nil, err
	}
	picture, err := s.config.Codes.Picture(ctx, handle)
	if err != nil { // which may have used up some of WeChat's quota
		s.config.Service.limiter.GiveBack(ctx, own)
	}
	return picture.ContentType, picture.Body, err
}

// Wait returns when a scan has come further than it had, or when the context ends. It returns an error at once if too
// many tabs wait.
func (s *Scans) Wait(ctx context.Context, handle string, was OnScreen) error {
	return scanFailed(s.scans.Wait(ctx, handle, was.scan))
}

// StopWaiting ends all calls of Wait, also later ones.
func (s *Scans) StopWaiting() { s.scans.StopWaiting() }

// Confirmed returns who has approved the sign-in of a screen, for a request of a browser. The approval counts as long
// as the session is active that gave it. It returns ErrNoScan for another request or browser.
func (s *Scans) Confirmed(ctx context.Context, r Request, browser Browser, handle string) (identity.User, error) {
	user, _, err := s.confirmed(ctx, r, browser, handle)
	return user, err
}

func (s *Scans) confirmed(ctx context.Context, r Request, browser Browser, handle string) (identity.User,
	approval.Approver, error) {
	shown, err := s.Shown(ctx, handle, browser)
	scan := shown.scan
	switch {
	case err != nil:
		return identity.User{}, approval.Approver{}, err
	case scan.Status != approval.Approved || scan.Used || scan.ClientID != r.Client.ID || scan.Host != r.Host():
		return identity.User{}, approval.Approver{}, ErrNoScan
	}
	by := *scan.ScannedBy
	active, err := s.active(ctx, by)
	if err != nil {
		return identity.User{}, by, oauth.StoreFailed(err)
	}
	user, err := s.config.Users.Find(ctx, by.UserID)
	switch {
	case errors.Is(err, identity.ErrNotFound) || err == nil && (!active || user.AuthEpoch != by.Epoch):
		return identity.User{}, by, ErrNoScan
	case err != nil:
		return identity.User{}, by, oauth.StoreFailed(err)
	}
	return user, by, nil
}

// active reports whether the session of an approver is active, and its client still one whose users approve.
func (s *Scans) active(ctx context.Context, by approval.Approver) (bool, error) {
	if by.Browser {
		sessions, err := s.config.Service.browsers.List(ctx, by.UserID)
		return slices.ContainsFunc(sessions, func(b identity.BrowserSession) bool { return b.ID == by.SessionID }), err
	}
	_, active, err := sessionMay(ctx, s.config.Service, by.SessionID, oauth.ScopeSignInApprove)
	return active, err
}

// Redeem signs the user in who has approved it, on a screen that describes itself as a device. Each approval can be
// used once. It returns the browser with a new secret, and what the browser has done for the request. Besides ErrNoScan
// it returns the errors of [signin.Service.Admit].
func (s *Scans) Redeem(ctx context.Context, r Request, browser Browser, seen, handle, device string) (Browser, string,
	error) {
	user, by, err := s.confirmed(ctx, r, browser, handle)
	if err != nil {
		return browser, seen, err
	}
	signIn := s.config.Service.signIn
	if err := signIn.Admit(ctx, signin.Request{Client: r.Client, Device: device}, user); err != nil {
		return browser, seen, err
	}
	first, err := s.scans.Redeem(ctx, handle)
	if err != nil || !first {
		signIn.GiveBack(ctx, user.ID, r.Client.ID)
	}
	switch {
	case err != nil:
		return browser, seen, oauth.StoreFailed(err)
	case !first:
		return browser, seen, ErrNoScan
	}
	return s.config.Service.open(ctx, r, browser, seen, identity.BrowserSession{UserID: by.UserID, Epoch: by.Epoch,
		Account: by.Account, Method: identity.MethodScan, Device: device}, newSecret())
}
