package approval

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"time"

	"github.com/lingpai/lingpai/identity"
)

// Request is what a device asks for, and where it is.
type Request struct {
	ClientID string `json:"c"`
	Scope    string `json:"s,omitempty"`
	Resource string `json:"r,omitempty"`
	Address  string `json:"a,omitempty"` // the device's IP address
	Device   string `json:"d,omitempty"` // from its User-Agent header
}

// Status is what has been decided about a request.
type Status int

// The statuses.
const (
	Pending Status = iota
	Approved
	Denied
)

// Decision is what a user has decided. The zero value is that nobody has.
type Decision struct {
	Status   Status              `json:"d,omitempty"`
	Browser  string              `json:"b,omitempty"` // id of the browser session; the rest is about its user
	UserID   string              `json:"u,omitempty"`
	Epoch    int64               `json:"e,omitempty"`
	Account  identity.AccountKey `json:"k,omitzero"`
	Method   string              `json:"m,omitempty"`
	AuthTime time.Time           `json:"t,omitzero"`
}

// Approve returns the approval by the user of a browser session.
func Approve(by identity.SignedIn) Decision {
	return Decision{Approved, by.ID, by.UserID, by.Epoch, by.Account, by.Method, by.AuthTime}
}

// By returns whose decision it is: the browser session, of which only what is kept is set.
func (d Decision) By() identity.BrowserSession {
	return identity.BrowserSession{ID: d.Browser, UserID: d.UserID, Epoch: d.Epoch, Account: d.Account,
		Method: d.Method, AuthTime: d.AuthTime}
}

// Deny returns the denial by the user of a browser session.
func Deny(by identity.SignedIn) Decision {
	return Decision{Status: Denied, Browser: by.ID, UserID: by.UserID}
}

// State is a request with what has become of it.
type State struct {
	Request
	Decision Decision
	Expires  time.Time
}

// stored is a request in the volatile store.
type stored struct {
	Request
	Decision Decision `json:"x,omitzero"`
	Secret   []byte   `json:"h"` // the SHA-256 of the device's secret
	Expires  int64    `json:"e"` // Unix time in milliseconds
	Interval int64    `json:"i"` // between two polls, in seconds
}

func (s stored) state() State { return State{s.Request, s.Decision, time.UnixMilli(s.Expires)} }

func (s stored) isFor(secret []byte) bool { return isHashOf(s.Secret, secret) }

// isHashOf reports whether a hash is the SHA-256 of a secret.
func isHashOf(hash, secret []byte) bool {
	sum := sha256.Sum256(secret)
	return subtle.ConstantTimeCompare(sum[:], hash) == 1
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings, numbers and times of this century
	}
	return text
}
