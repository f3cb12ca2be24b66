package authorize

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/lingpai/lingpai/approval"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
)

// Scanned is what somebody who has scanned a code is told about the screen, to decide.
type Scanned struct {
	Client  string // its name
	Host    string // where it leads to, if the client's redirect URI has a host
	Address string // the screen's IP address
	Near    bool   // it is in the same network as the phone
	Device  string // how the screen describes itself
	Numbers []int  // to choose among, or the one to compare; nil: none
	Began   time.Time
	Age     time.Duration // since then
	Expires time.Time
}

// Screen returns the request of a screen for a browser that has opened the address in its code. It changes nothing.
func (s *Scans) Screen(ctx context.Context, form url.Values, address string) (Request, Scanned, error) {
	if err := checkLocales(form); err != nil {
		return Request{}, Scanned{}, err
	}
	handle := form.Get("scan")
	scan, err := s.find(ctx, handle)
	if err != nil {
		return Request{}, Scanned{}, err
	}
	client, err := s.config.Service.findClient(ctx, scan.ClientID)
	if err != nil {
		return Request{}, Scanned{}, err
	}
	r := Request{Client: client, Handle: handle, MaxAge: -1}
	r.setCarried(url.Values{"scan": {handle}}, form.Get("ui_locales"))
	return r, s.describe(scan, client.Title(), address), nil
}

func (s *Scans) find(ctx context.Context, handle string) (approval.Scan, error) {
	if !s.config.Enabled || !approval.ValidHandle(handle) {
		return approval.Scan{}, ErrNoScan
	}
	scan, err := s.scans.Find(ctx, handle)
	return scan, scanFailed(err)
}

// describe returns what somebody at an address is told about a scan.
func (s *Scans) describe(scan approval.Scan, client, address string) Scanned {
	shown := Scanned{Client: client, Host: scan.Host, Address: scan.Address, Device: scan.Device,
		Near: near(scan, address), Began: scan.Opened, Age: s.config.Now().Sub(scan.Opened),
		Expires: scan.Expires}
	switch s.config.Numbers {
	case NumberShow:
		shown.Numbers = scan.Numbers[:1]
	case NumberChoose:
		shown.Numbers = slices.Sorted(slices.Values(scan.Numbers))
	}
	return shown
}

// Places returns where a screen is, in a language of the pages, and where the phone at an address is if it is
// elsewhere. Either is "" if it is unknown.
func (s *Scans) Places(screen Scanned, address, language string) (place, phone string) {
	if s.config.Places == nil {
		return "", ""
	}
	if place, phone = s.config.Places.Compare(screen.Address, address, language); screen.Near {
		phone = "" // a file may know one network less precisely than a part of it
	}
	return place, phone
}

// Sighting is how a phone has come by a code.
type Sighting struct {
	Handle  string
	Scene   int    // of WeChat's launch options; 0: unknown
	Address string // the phone's IP address
}

// fromPicture are the scenes of codes that were pressed long in a picture, or taken from an album: 1012 and 1013 of
// ordinary QR codes, 1048 and 1049 of mini-program codes (WeChat, "Scene values").
var fromPicture = []int{1012, 1013, 1048, 1049}

// fromLink are the scenes of links that open a mini-program: 1065 of URL Schemes, 1167 of tags in web pages, 1179 of
// short links, and 1194 of URL Links (WeChat, "Scene values").
var fromLink = []int{1065, 1167, 1179, 1194}

// Scan records that a session has scanned a code, and returns what its user is told. It returns ErrNoScan, ErrTaken,
// ErrScanDecided, and ErrFromPicture or ErrFromLink for a screen that is elsewhere: somebody else may have sent the
// picture or the link, and would be signed in.
func (s *Scans) Scan(ctx context.Context, session identity.Session, at Sighting) (Scanned, error) {
	scan, err := s.find(ctx, at.Handle)
	if err != nil {
		return Scanned{}, err
	}
	if !near(scan, at.Address) {
		switch {
		case slices.Contains(fromPicture, at.Scene):
			return Scanned{}, ErrFromPicture
		case slices.Contains(fromLink, at.Scene):
			return Scanned{}, ErrFromLink
		}
	}
	by, err := s.approver(ctx, session)
	if err != nil {
		return Scanned{}, err
	}
	if scan, err = s.claim(ctx, at.Handle, by); err != nil {
		return Scanned{}, err
	}
	client, err := s.config.Service.findClient(ctx, scan.ClientID)
	if err != nil {
		return Scanned{}, err
	}
	return s.describe(scan, client.Title(), at.Address), nil
}

// near reports whether a screen is in the network of an address.
func near(scan approval.Scan, address string) bool {
	return limits.Neighborhood(scan.Address) == limits.Neighborhood(address)
}

// approver returns a client's session as an approver.
func (s *Scans) approver(ctx context.Context, session identity.Session) (approval.Approver, error) {
	user, err := s.config.Users.Find(ctx, session.UserID)
	if err != nil {
		return approval.Approver{}, oauth.StoreFailed(err)
	}
	return approval.Approver{SessionID: session.ID, UserID: session.UserID, Epoch: user.AuthEpoch,
		Account: session.Account}, nil
}

func (s *Scans) claim(ctx context.Context, handle string, by approval.Approver) (approval.Scan, error) {
	if !s.config.Enabled || !approval.ValidHandle(handle) {
		return approval.Scan{}, ErrNoScan
	}
	err := s.config.Service.limiter.Count(ctx, limits.Of(limits.ScansUser, by.UserID).
		About(identity.Event{UserID: by.UserID}))
	if err != nil {
		return approval.Scan{}, err
	}
	scan, err := s.scans.Claim(ctx, handle, by)
	return scan, scanFailed(err)
}

// Verdict is what a user decides about a screen.
type Verdict struct {
	Approved bool
	Number   int  // that was chosen; 0: none
	Report   bool // the user knows nothing of it: all that is open at the screen's address ends as well
}

// Decide decides for the session that has scanned a code. It returns ErrNoScan, ErrNotScanned, ErrTaken and
// ErrScanDecided, and ErrWrongNumber after it has declined.
func (s *Scans) Decide(ctx context.Context, session identity.Session, handle string, verdict Verdict) error {
	return s.decide(ctx, approval.Approver{SessionID: session.ID, UserID: session.UserID}, handle, verdict)
}

// DecideHere decides for the user of one of a browser's sessions, which it first records to have scanned the code. Its
// errors are those of Decide, and oauth.LoginRequired.
func (s *Scans) DecideHere(ctx context.Context, r Request, browser Browser, session string, verdict Verdict) error {
	user, _, err := s.config.Service.signedIn(ctx, r, browser, session)
	if err != nil {
		return err
	}
	if user.Method == identity.MethodScan {
		return errApprovedByScan
	}
	by := approval.Approver{SessionID: user.ID, Browser: true, UserID: user.UserID, Epoch: user.Epoch,
		Account: user.Account}
	if _, err := s.claim(ctx, r.Handle, by); err != nil && !errors.Is(err, ErrScanDecided) {
		return err
	}
	return s.decide(ctx, by, r.Handle, verdict)
}

// errApprovedByScan keeps one approval from leading to others.
var errApprovedByScan = oauth.NewError(oauth.AccessDenied, "A user who was signed in here by a scan cannot "+
	"approve another sign-in. Sign in here in another way.")

func (s *Scans) decide(ctx context.Context, by approval.Approver, handle string, verdict Verdict) error {
	scan, err := s.find(ctx, handle)
	switch {
	case err != nil:
		return err
	case scan.ScannedBy == nil:
		return ErrNotScanned
	}
	status, wrong := approval.Denied, false
	if verdict.Approved {
		if wrong = s.config.Numbers == NumberChoose && verdict.Number != scan.Numbers[0]; !wrong {
			status = approval.Approved
		}
	}
	first, err := s.scans.Decide(ctx, handle, by.SessionID, status)
	if err != nil {
		return scanFailed(err)
	}
	if verdict.Report && status == approval.Denied {
		if err := s.report(ctx, scan, by); err != nil {
			return err
		}
	}
	if first {
		s.record(ctx, scan, by, status, wrong, verdict.Report)
	}
	if wrong {
		return ErrWrongNumber
	}
	return nil
}

// report ends what is open at the screen's address, unless the user does so often: they would keep their neighbors
// from signing in.
func (s *Scans) report(ctx context.Context, scan approval.Scan, by approval.Approver) error {
	err := s.config.Service.limiter.Count(ctx, limits.Of(limits.ScanReports, by.UserID).
		About(identity.Event{UserID: by.UserID}))
	switch {
	case errors.Is(err, oauth.TooManyRequests):
		return nil // the decision itself stands
	case err != nil:
		return err
	}
	if err := s.scans.Report(ctx, scan.Address); err != nil {
		return oauth.StoreFailed(err)
	}
	return nil
}

// record writes the decision into the audit log.
func (s *Scans) record(ctx context.Context, scan approval.Scan, by approval.Approver, status approval.Status, wrong,
	reported bool) {
	event := identity.Event{Kind: identity.EventScanApproved, UserID: by.UserID, ClientID: scan.ClientID,
		Detail: scan.Address}
	switch {
	case wrong:
		event.Kind = identity.EventScanMismatch
	case status == approval.Denied && reported:
		event.Kind = identity.EventScanReported
	case status == approval.Denied:
		event.Kind = identity.EventScanDenied
	}
	identity.RecordOrLog(ctx, s.config.Events, s.config.Service.logger, event)
}
