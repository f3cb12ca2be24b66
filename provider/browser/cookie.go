package browser

import (
	"crypto/sha256"
	"encoding/base32"
	"net/http"
	"strings"
	"time"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
)

// cookie is a cookie of browsers.
type cookie struct {
	name   string
	path   string
	secure bool
	life   time.Duration
}

// newCookie returns a cookie of an issuer. Its name contains a part of the issuer's hash, since issuers on one host
// share their cookies, and a prefix, by which browsers demand certain attributes; on http, which an issuer may use on
// loopback, they refuse such cookies.
func newCookie(issuer, prefix, suffix string) cookie {
	sum := sha256.Sum256([]byte(issuer))
	c := cookie{name: "lp_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:6]) + suffix}
	if strings.HasPrefix(issuer, "https:") {
		c.name, c.secure = prefix+c.name, true
	}
	return c
}

// value returns the cookie's value in a request. Of two cookies with the name, one is an attacker's: neither counts.
func (c cookie) value(r *http.Request) string {
	if found := r.CookiesNamed(c.name); len(found) == 1 {
		return found[0].Value
	}
	return ""
}

// set sets the cookie. SameSite=Lax lets it come along when a client's site, or WeChat, sends the browser here.
func (c cookie) set(w http.ResponseWriter, value string) {
	http.SetCookie(w, &http.Cookie{Name: c.name, Value: value, Path: c.path, Secure: c.secure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int(c.life.Seconds())})
}

// browserCookie says which browser it is, and who is signed in.
type browserCookie struct{ cookie }

// newBrowserCookie returns the cookie for sessions of a life at most. A browser accepts its prefix from the host itself
// only, so no neighbor can set it.
func newBrowserCookie(issuer string, life time.Duration) browserCookie {
	c := newCookie(issuer, "__Host-", "")
	c.path, c.life = "/", life
	return browserCookie{c}
}

// read returns the browser that a request is from.
func (c browserCookie) read(r *http.Request) authorize.Browser {
	return authorize.ParseBrowser(c.value(r))
}

// write sets the cookie.
func (c browserCookie) write(w http.ResponseWriter, browser authorize.Browser) {
	c.set(w, browser.Cookie())
}

// keepOnly takes the sessions of all but some users out of a browser's cookie. They have ended already; but until a
// cookie changes, Chromium's back button shows pages as they were, although they have Cache-Control: no-store.
func (c browserCookie) keepOnly(w http.ResponseWriter, browser authorize.Browser, users []identity.SignedIn) {
	if kept := browser.Only(users); kept.Cookie() != browser.Cookie() {
		c.write(w, kept)
	}
}

// tripCookie keeps a browser's trips to WeChat.
type tripCookie struct{ cookie }

// newTripCookie returns the cookie for the pages below a path only, since it may be large. The prefix __Host- demands
// the path /; the trips are sealed for a browser, so another host can set none that count.
func newTripCookie(issuer, path string) tripCookie {
	c := newCookie(issuer, "__Secure-", "_trips")
	c.path, c.life = path, authorize.TripLasts
	return tripCookie{c}
}

// read returns the trips of a browser.
func (c tripCookie) read(r *http.Request) authorize.Trips {
	if value := c.value(r); value != "" {
		return strings.Split(value, ".")
	}
	return nil
}

// write sets the cookie.
func (c tripCookie) write(w http.ResponseWriter, trips authorize.Trips) {
	c.set(w, strings.Join(trips, "."))
}
