package pages

// HandOff asks whether to go on as the user of the mini-program that has opened the page.
type HandOff struct {
	Form      Form
	Client    string
	User      string
	ID        string // of the user, if User is a nickname, which anyone can choose; "" otherwise
	Other     string // who is signed in in this browser instead; "": nobody
	Otherwise string // URL of the client, to go on without the mini-program's user
}

// Template implements Page.
func (HandOff) Template() string { return "handoff" }
