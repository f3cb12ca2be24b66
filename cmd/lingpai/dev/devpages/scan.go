package devpages

import "time"

// ScanQuestion is the page of the mini-program that asks a user whether a screen may sign in whose code they have
// scanned. It is the answer of POST /scan/look. The field "decision" of its form is "allow", "deny" or "report"; after
// "allow" follow a space and the number that was chosen, if there were several.
type ScanQuestion struct {
	Locales Locales `json:"-"`
	Action  string  `json:"-"` // URL of the form
	User    string  `json:"-"` // whose phone it is, as the simulator calls them

	Client  string `json:"client_name"`
	Host    string `json:"host"` // where the screen leads to; "": no host
	Address string `json:"address"`
	Near    bool   `json:"near"`
	Device  string `json:"device"`  // "": it does not say
	Numbers []int  `json:"numbers"` // several: to choose among; one: to compare
	Seconds int    `json:"expires_in"`

	Place       string    `json:"place"`        // where the screen probably is; "": unknown
	CallerPlace string    `json:"caller_place"` // where the phone is, if that is elsewhere
	ShownAt     time.Time `json:"shown_at"`
}

// Age returns for how long the code has been shown.
func (q ScanQuestion) Age() time.Duration { return time.Since(q.ShownAt) }

// ScanResult is the page of the mini-program that says what has come of a scan.
type ScanResult struct {
	Locales     Locales
	User        string // "": nobody's phone has opened it
	Kind        ScanResultKind
	Code        string // error code of the provider; "": none
	Description string // in English, for developers
}

// ScanResultKind chooses the words of a result. The reasons for which a code is of no use are those of the member
// "scan" of the provider's answers.
type ScanResultKind string

// Kinds of results.
const (
	ScanApproved    ScanResultKind = "approved"
	ScanDenied      ScanResultKind = "denied"
	ScanReported    ScanResultKind = "reported"
	ScanExpired     ScanResultKind = "expired"
	ScanTaken       ScanResultKind = "taken" // somebody else has scanned the code
	ScanDecided     ScanResultKind = "decided"
	ScanNotScanned  ScanResultKind = "not_scanned"
	ScanWrongNumber ScanResultKind = "wrong_number"
	ScanFromPicture ScanResultKind = "from_picture"
	ScanFromLink    ScanResultKind = "from_link"
	ScanTooMany     ScanResultKind = "too_many" // the user has scanned too many codes
	ScanRefused     ScanResultKind = "refused"  // for another reason, which Code has
	ScanUnreachable ScanResultKind = "unreachable"
	ScanWithoutCode ScanResultKind = "no_code" // the page was opened without a code of the provider
)

// Template implements pages.Page.
func (ScanQuestion) Template() string { return "scan_question" }

// Template implements pages.Page.
func (ScanResult) Template() string { return "scan_result" }
