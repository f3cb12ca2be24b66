package devpages

import "time"

// Front is the front page: what there is, and what has happened.
type Front struct {
	Locales   Locales
	Issuer    string
	Database  string
	Simulator string      // its URL
	Codes     []ShownCode // the newest first
	Users     []User
	Clients   []Client
	Requests  []Request // the newest first
}

// ShownCode is a code that a page shows to be scanned with a phone.
type ShownCode struct {
	At   time.Time // when the page got it
	Text string    // what a phone reads, which is a URL
}

// User is a user who can sign in.
type User struct {
	ID       string
	Username string // "": signs in with WeChat only
	Password string // "": only the user knows it
}

// Client is a registered client.
type Client struct {
	ID, Name     string
	Confidential bool
	Disabled     bool
	Grants       []string
}

// Request is a request that the provider has answered.
type Request struct {
	At                   time.Time
	Method, Path         string
	Grant, Client, Error string // "": none
	Status               int
	Milliseconds         int64
}

// Failed reports whether the answer was an error.
func (r Request) Failed() bool { return r.Status >= 400 || r.Error != "" }

// Template implements pages.Page.
func (Front) Template() string { return "front" }
