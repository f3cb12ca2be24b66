package pages

import (
	"fmt"
	"strings"
	"time"

	"rsc.io/qr"
)

// ScanScreen shows a code to be scanned. It learns by itself how that goes on: its script asks, and without scripts it
// is loaded again every few seconds.
type ScanScreen struct {
	Client   string
	Code     QR
	Picture  string // URL of a picture in its place, on this server; "": none
	Press    bool   // people press the code for long, on the phone that shows it: it has to be a picture
	Number   int    // that the phone asks for, or shows as well; 0: none
	Scanned  bool   // somebody has scanned the code, and must decide on the phone
	Here     string // URL of this page
	Wait     string // URL that answers when something has changed
	Again    string // URL that shows a new code, for a user who has not scanned this one
	OtherWay string // URL to sign in otherwise
}

// OpenWechat opens WeChat on the phone whose browser shows it, where the code is not scanned but in a link. The field
// "open" is "scheme" or "link": WeChat makes few links, so it makes one when a user asks for it. Like ScanScreen, it
// learns by itself how that goes on.
type OpenWechat struct {
	Form     Form
	Client   string
	Scheme   string // URL that opens WeChat, which the page leads to; "": it is still to be asked for
	Failed   bool   // WeChat makes no link now
	Number   int    // as in ScanScreen, like what follows
	Scanned  bool
	Here     string
	Wait     string
	Again    string
	OtherWay string
}

// ScanOver says why a screen shows no code any more.
type ScanOver struct {
	Reason   ScanReason
	Again    string // URL that shows a new code
	OtherWay string
}

// ScanReason is why a code is of no use any more.
type ScanReason string

// The reasons.
const (
	ScanDenied  ScanReason = "denied"
	ScanExpired ScanReason = "expired"
)

// Opened returns the same reason for a code that was not scanned, but in a link that opens WeChat on the same phone.
func (r ScanReason) Opened() ScanReason { return "open_" + r }

// ScanConfirm asks on the screen whether to go on as the user who has approved it. Without it, somebody else who scans
// the code could have a user work in a foreign account.
type ScanConfirm struct {
	Form   Form
	Client string
	User   string
	Opened bool   // they approved it in WeChat on the same phone
	Again  string // URL that shows a new code
}

// ApproveScan asks a user on the phone whether a screen may sign in. The field "decision" is "allow", "deny" or
// "report"; after "allow" follow a space and the number that was chosen, if there were several.
type ApproveScan struct {
	Form         Form
	Client       string
	Host         string // where the screen leads to
	User         string
	OtherAccount string        // URL to continue as somebody else
	Numbers      []int         // several: to choose among; one: to compare
	Address      string        // the screen's IP address
	Device       string        // how it describes itself
	Near         bool          // it is in the same network as the phone
	Place        string        // where the screen probably is; "": unknown
	CallerPlace  string        // where the phone probably is; "": unknown, or no other place
	Age          time.Duration // of the code
}

// ScanDone says on the phone what has come of it.
type ScanDone struct {
	Outcome ScanOutcome
	Client  string
}

// ScanOutcome is what has come of a scan.
type ScanOutcome string

// The outcomes.
const (
	ScanWasApproved ScanOutcome = "approved"
	ScanWasDenied   ScanOutcome = "denied"
	ScanWasReported ScanOutcome = "reported"
	ScanWrongNumber ScanOutcome = "wrong_number"
	ScanTaken       ScanOutcome = "taken"   // somebody else has scanned the code
	ScanDecided     ScanOutcome = "decided" // before
	ScanGone        ScanOutcome = "expired" // or there never was such a code
)

// QR is a QR code as a picture: lines with a width of 1 in a square with sides of Size, which includes the margin.
type QR struct {
	Size int
	Path string // for the attribute d of an SVG path; black on white

	code *qr.Code
}

// quietZone is the margin of a QR code (ISO/IEC 18004).
const quietZone = 4

// NewQR returns the QR code of a text of at most a few hundred characters. It returns an error if the text is too long.
func NewQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return QR{}, err
	}
	var path strings.Builder
	for y := range code.Size {
		fmt.Fprintf(&path, "M%d %d.5", quietZone, y+quietZone)
		for x := 0; x < code.Size; {
			light, dark := run(code, x, y, false), 0
			if dark = run(code, x+light, y, true); dark > 0 {
				fmt.Fprintf(&path, "m%d 0h%d", light, dark)
			}
			x += light + dark
		}
	}
	return QR{code.Size + 2*quietZone, path.String(), code}, nil
}

// PNG returns the code as a picture that people can press for long, or save.
func (q QR) PNG() []byte { return q.code.PNG() }

// run returns how many modules of one color follow each other in a row.
func run(code *qr.Code, x, y int, dark bool) (length int) {
	for x+length < code.Size && code.Black(x+length, y) == dark {
		length++
	}
	return length
}

// Template implements Page.
func (ScanScreen) Template() string { return "scan_screen" }

// Template implements Page.
func (OpenWechat) Template() string { return "open_wechat" }

// Template implements Page.
func (ScanOver) Template() string { return "scan_over" }

// Template implements Page.
func (ScanConfirm) Template() string { return "scan_confirm" }

// Template implements Page.
func (ApproveScan) Template() string { return "approve_scan" }

// Template implements Page.
func (ScanDone) Template() string { return "scan_done" }
