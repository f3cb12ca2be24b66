package devpages

// Start is the demo site for a browser in which nobody has signed in to it.
type Start struct{ Locales Locales }

// Tokens is the demo site for a user who has signed in.
type Tokens struct {
	Locales    Locales
	User       string
	Outcome    Outcome
	Access, ID Token
	Refresh    string // the end of the refresh token; "": there is none
}

// Token is a decoded JWT.
type Token struct {
	Kind           TokenKind
	Text           string
	Header, Claims []Claim
}

// TokenKind chooses the words of a token and its claims.
type TokenKind string

// Kinds of tokens.
const (
	AccessToken TokenKind = "access"
	IDToken     TokenKind = "id"
)

// Claim is a member of a token's payload or header.
type Claim struct {
	In          TokenKind
	Name, Value string
	Time        string // the value for people, if it is a time
}

// Outcome is what the last button did.
type Outcome struct {
	Kind        OutcomeKind // "": nothing yet
	Code        string      // error code of the provider; "": none
	Description string      // in English, for developers
	Status      int         // with CalledAPI
	Answer      string      // with CalledAPI
}

// OutcomeKind chooses the words of an outcome.
type OutcomeKind string

// Kinds of outcomes.
const (
	Refreshed      OutcomeKind = "refreshed"
	SessionEnded   OutcomeKind = "session_ended"
	RefreshRefused OutcomeKind = "refresh_refused"
	CalledAPI      OutcomeKind = "called_api"
	Unreachable    OutcomeKind = "unreachable"
)

// Failed reports whether the button did not do what it says.
func (o Outcome) Failed() bool {
	switch o.Kind {
	case SessionEnded, RefreshRefused, Unreachable:
		return true
	case CalledAPI:
		return o.Status >= 400
	}
	return false
}

// Problem says why the demo site cannot go on, and what to do.
type Problem struct {
	Locales     Locales
	Kind        ProblemKind
	Code        string // error code of the provider; "": none
	Description string // in English, for developers
}

// ProblemKind chooses the words of a problem.
type ProblemKind string

// Kinds of problems.
const (
	UnknownAnswer ProblemKind = "unknown_answer" // no sign-in of this browser is waiting for it
	OtherIssuer   ProblemKind = "other_issuer"
	AccessDenied  ProblemKind = "access_denied"
	SignInRefused ProblemKind = "sign_in_refused"
	CodeRefused   ProblemKind = "code_refused"
	InvalidToken  ProblemKind = "invalid_token"
	Unavailable   ProblemKind = "unavailable"
	NotSignedIn   ProblemKind = "not_signed_in"
	ForeignForm   ProblemKind = "foreign_form"
	NoSuchPage    ProblemKind = "no_such_page"
)

// Template implements pages.Page.
func (Start) Template() string { return "start" }

// Template implements pages.Page.
func (Tokens) Template() string { return "tokens" }

// Template implements pages.Page.
func (Problem) Template() string { return "problem" }
