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

// cookie is the one cookie of browsers.
type cookie struct {
	name   string
	secure bool
	life   time.Duration // of a browser session, at most
}

// newCookie returns the cookie of an issuer. Its name contains a part of the issuer's hash, since issuers on one host
// share their cookies. A browser accepts the prefix __Host- only from the host itself, so no neighbor can set it; on
// http, which an issuer may use on loopback, browsers refuse such cookies.
func newCookie(issuer string, life time.Duration) cookie {
	sum := sha256.Sum256([]byte(issuer))
	name := "lp_" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:6])
	if strings.HasPrefix(issuer, "https:") {
		return cookie{"__Host-" + name, true, life}
	}
	return cookie{name, false, life}
}

// read returns the browser that a request is from. Of two cookies with the name, one is an attacker's: neither counts.
func (c cookie) read(r *http.Request) authorize.Browser {
	if found := r.CookiesNamed(c.name); len(found) == 1 {
		return authorize.ParseBrowser(found[0].Value)
	}
	return authorize.Browser{}
}

// write sets the cookie. SameSite=Lax lets it come along when a client's site sends the browser here.
func (c cookie) write(w http.ResponseWriter, browser authorize.Browser) {
	http.SetCookie(w, &http.Cookie{Name: c.name, Value: browser.Cookie(), Path: "/", Secure: c.secure, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: int(c.life.Seconds())})
}

// keepOnly takes the sessions of all but some users out of a browser's cookie. They have ended already; but until a
// cookie changes, Chromium's back button shows pages as they were, although they have Cache-Control: no-store.
func (c cookie) keepOnly(w http.ResponseWriter, browser authorize.Browser, users []identity.SignedIn) {
	if kept := browser.Only(users); kept.Cookie() != browser.Cookie() {
		c.write(w, kept)
	}
}
