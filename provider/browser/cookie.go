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

// cookie is a cookie of browsers: the one that says who is signed in, or the one with trips to WeChat.
type cookie struct {
	name   string
	path   string
	secure bool
	life   time.Duration // of a browser session, at most
}

// newCookie returns the cookie of an issuer. Its name contains a part of the issuer's hash, since issuers on one host
// share their cookies. A browser accepts the prefix __Host- only from the host itself, so no neighbor can set it; on
// http, which an issuer may use on loopback, browsers refuse such cookies.
func newCookie(issuer string, life time.Duration) cookie {
	return cookie{"lp_" + hashOf(issuer), "/", false, life}.on(issuer, "__Host-")
}

// newTripCookie returns the cookie with trips, which may be large, so only the pages below a path get it. The prefix
// __Host- demands the path /; the trips are sealed for a browser, so another host can set none that count.
func newTripCookie(issuer, path string) cookie {
	return cookie{"lp_" + hashOf(issuer) + "_trips", path, false, authorize.TripLasts}.on(issuer, "__Secure-")
}

func hashOf(issuer string) string {
	sum := sha256.Sum256([]byte(issuer))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:6])
}

// on returns the cookie for an issuer, with a prefix if that is on https.
func (c cookie) on(issuer, prefix string) cookie {
	if strings.HasPrefix(issuer, "https:") {
		c.name, c.secure = prefix+c.name, true
	}
	return c
}

// read returns the browser that a request is from. Of two cookies with the name, one is an attacker's: neither counts.
func (c cookie) read(r *http.Request) authorize.Browser {
	if found := r.CookiesNamed(c.name); len(found) == 1 {
		return authorize.ParseBrowser(found[0].Value)
	}
	return authorize.Browser{}
}

// readTrips returns the trips of a browser.
func (c cookie) readTrips(r *http.Request) authorize.Trips {
	if found := r.CookiesNamed(c.name); len(found) == 1 && found[0].Value != "" {
		return strings.Split(found[0].Value, ".")
	}
	return nil
}

// write sets the cookie to a browser. SameSite=Lax lets it come along when a client's site, or WeChat, sends the
// browser here.
func (c cookie) write(w http.ResponseWriter, browser authorize.Browser) { c.set(w, browser.Cookie()) }

func (c cookie) writeTrips(w http.ResponseWriter, trips authorize.Trips) {
	c.set(w, strings.Join(trips, "."))
}

func (c cookie) set(w http.ResponseWriter, value string) {
	http.SetCookie(w, &http.Cookie{Name: c.name, Value: value, Path: c.path, Secure: c.secure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int(c.life.Seconds())})
}

// keepOnly takes the sessions of all but some users out of a browser's cookie. They have ended already; but until a
// cookie changes, Chromium's back button shows pages as they were, although they have Cache-Control: no-store.
func (c cookie) keepOnly(w http.ResponseWriter, browser authorize.Browser, users []identity.SignedIn) {
	if kept := browser.Only(users); kept.Cookie() != browser.Cookie() {
		c.write(w, kept)
	}
}
