package pages

import "time"

// Page is one of the types below, or of another package that has templates of its own: see [NewWith]. Its texts may
// come from anyone: they are cleaned and escaped.
type Page interface {
	Template() string // the name of its file in templates, without ".html"
}

// Form is where a form is posted, and what it carries on.
type Form struct {
	Action string // URL of this server
	Hidden []Field
}

// Field is a field of a form.
type Field struct{ Name, Value string }

// SignIn asks for a user name and a password, in the fields "username" and "password".
type SignIn struct {
	Form         Form
	Client       string // the name of who asks for the sign-in; "": nobody
	Username     string // what is filled in
	Fixed        bool   // only the user with this name may sign in
	OtherAccount string // URL to sign in as another user than the fixed one; "": no link
	Problem      Problem
	Wait         time.Duration // with TooManyAttempts
	Ways         []Way         // other than a password
	WaysFirst    bool          // they stand above the password
	NoPassword   bool          // only they would do, so they stand first
	Frame        Frame         // the page of the way at WeChat
	Hint         Hint
}

// AtField returns the field that the problem is about: "username" or "password"; "" for another.
func (s SignIn) AtField() string {
	switch s.Problem {
	case UsernameMissing:
		return "username"
	case PasswordMissing, WrongCredentials:
		return "password"
	}
	return ""
}

// Way is a way to sign in other than by password.
type Way struct{ Name, URL string }

// Frame shows a page of another site. The way to that page stays beside it, in case it does not load.
type Frame struct {
	URL    string // of this server, which leads there; "": no frame
	Origin string // of the other site, such as https://open.weixin.qq.com
}

// The names of ways to sign in.
const (
	WechatWay = "wechat" // at WeChat
	ScanWay   = "scan"   // with a code that a phone scans
	PressWay  = "press"  // with a code that is pressed for long on the phone that shows it
	OpenWay   = "open"   // in WeChat on the same phone
)

// Hint is where to sign in for those who cannot here; "": no hint.
type Hint string

// The hints.
const (
	HintMiniProgram Hint = "mini_program" // the page is in a mini-program's web-view
	HintWechat      Hint = "wechat"
	HintDesktop     Hint = "desktop"
	HintBoth        Hint = "wechat_or_desktop"
	HintBrowser     Hint = "browser" // another one
)

// WechatProfile says why an official account asks for nickname and picture, before WeChat does.
type WechatProfile struct {
	Client   string
	Continue string // URL at which WeChat asks
	OtherWay string // URL to sign in otherwise
}

// Snapshot says how to leave a snapshot, as which WeChat opens pages of programs that it does not trust enough. Nobody
// can sign in there.
type Snapshot struct{ Continue string }

// Problem is why a sign-in failed.
type Problem string

// Problems of a sign-in.
const (
	UsernameMissing   Problem = "username_missing"
	PasswordMissing   Problem = "password_missing"
	WrongCredentials  Problem = "wrong_credentials"
	TooManyAttempts   Problem = "too_many_attempts"
	SignInUnavailable Problem = "unavailable"
	WechatDeclined    Problem = "wechat_declined"
	WechatFailed      Problem = "wechat_failed"
	NoWay             Problem = "no_way" // none that would do works in this browser
)

// Problems of a code that a device shows.
const (
	UserCodeMissing Problem = "user_code_missing"
	WrongUserCode   Problem = "wrong_user_code"
)

// ChooseAccount asks which of several users who are signed in goes on. The field "account" is the chosen one's value.
type ChooseAccount struct {
	Form         Form
	Client       string
	Accounts     []Account
	OtherAccount string // URL to sign in as somebody else
}

// Account is a user who is signed in in this browser.
type Account struct {
	Value string
	Name  string
	Age   time.Duration // of the sign-in
}

// Consent asks a user to allow a client access. The field "decision" is "allow" or "deny".
type Consent struct {
	Form         Form
	Client       string
	User         string
	OtherAccount string   // URL to continue as somebody else
	Scopes       []string // their names; those of this server are put into words
	Resources    []string // the APIs that the access is for; none: this server
	Destination  string   // the host of the redirect URI, or its scheme if that is private
	Risk         Risk
	Remembered   bool // the user is not asked again until the consent is withdrawn
}

// Risk is who else may receive what the client asks for (RFC 8252 §8.6).
type Risk string

// Risks of redirect URIs.
const (
	NoRisk        Risk = ""         // an https URL
	LoopbackRisk  Risk = "loopback" // any program of the device can listen there
	PrivateScheme Risk = "scheme"   // any app of the device can register it
)

// Device asks for the code that a device shows, in the field "user_code".
type Device struct {
	Form     Form
	UserCode string // what is filled in
	Problem  Problem
	Wait     time.Duration // with TooManyAttempts
}

// ApproveDevice asks a user to allow a client on another device access. The field "decision" is "allow" or "deny".
type ApproveDevice struct {
	Form         Form
	Client       string
	User         string
	OtherAccount string // URL to continue as somebody else
	UserCode     string
	Scopes       []string // as in Consent
	Resources    []string
	Address      string // the device's IP address
	Device       string // how it describes itself
	Near         bool   // it is in the same network as the browser
}

// DeviceDone says that the user has allowed or denied a device access.
type DeviceDone struct {
	Approved bool
	Client   string
}

// SignOut asks whether to sign out all users of this browser.
type SignOut struct {
	Form  Form
	Users []string // names
}

// SignedOut says that nobody is signed in any more.
type SignedOut struct {
	Client string // the name of who asked for it
	Return string // its URL; "": no link
}

// SentOn sends the browser to a URL of this server or of a client. After a form it takes the place of a redirect, which
// Chromium blocks if it, or a later one, leads to another site than form-action allows.
type SentOn struct{ URL string }

// FormPost posts the parameters of an authorization response to a client (OAuth 2.0 Form Post Response Mode).
type FormPost struct {
	Form        Form // its action is the redirect URI
	Destination string
}

// Error says what happened and what to do about it.
type Error struct {
	Kind        ErrorKind
	Client      string        // with Refused
	Destination string        // with Refused: the host that Return leads to
	Return      string        // URL that tells the client about the error; "": no link
	Wait        time.Duration // with TooManyRequests
	RequestID   string
	Detail      string // in English, for developers
}

// ErrorKind chooses the words of an error page.
type ErrorKind string

// Kinds of errors.
const (
	UnknownClient   ErrorKind = "unknown_client"
	UnknownRedirect ErrorKind = "unknown_redirect"
	InvalidRequest  ErrorKind = "invalid_request"
	Refused         ErrorKind = "refused" // the client may not have what it asks for
	Expired         ErrorKind = "expired"
	ForeignForm     ErrorKind = "foreign_form" // posted by another site's page
	CookiesBlocked  ErrorKind = "cookies_blocked"
	TooManyRequests ErrorKind = "too_many_requests"
	Unavailable     ErrorKind = "unavailable"
	Internal        ErrorKind = "internal"
	NotFound        ErrorKind = "not_found"
	NoHandOff       ErrorKind = "no_handoff" // the ticket of a mini-program is of no use
)

// Template implements Page.
func (SignIn) Template() string { return "sign_in" }

// Template implements Page.
func (WechatProfile) Template() string { return "wechat_profile" }

// Template implements Page.
func (Snapshot) Template() string { return "snapshot" }

// Template implements Page.
func (ChooseAccount) Template() string { return "choose_account" }

// Template implements Page.
func (Consent) Template() string { return "consent" }

// Template implements Page.
func (Device) Template() string { return "device" }

// Template implements Page.
func (ApproveDevice) Template() string { return "approve_device" }

// Template implements Page.
func (DeviceDone) Template() string { return "device_done" }

// Template implements Page.
func (SignOut) Template() string { return "sign_out" }

// Template implements Page.
func (SignedOut) Template() string { return "signed_out" }

// Template implements Page.
func (SentOn) Template() string { return "sent_on" }

// Template implements Page.
func (FormPost) Template() string { return "form_post" }

// Template implements Page.
func (Error) Template() string { return "error" }
