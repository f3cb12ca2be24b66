package pages

import (
	"errors"
	"html/template"
	"net/url"
	"regexp"
	"strings"
)

// CheckLink returns an error unless a text is an https URL without "@", which would be a password in most of them.
func CheckLink(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" || strings.Contains(text, "@") {
		return errors.New("not an https URL without @")
	}
	return nil
}

// appScheme is the scheme of an app: a domain in reverse, with at least one dot (RFC 8252 §7.1).
var appScheme = regexp.MustCompile(`^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:`)

// opensWechat begins the URLs that open a mini-program on a phone.
const opensWechat = "weixin://dl/"

// link returns a URL of a client, or one that opens WeChat, as it may be in a link. html/template replaces URLs with
// other schemes than those of the web, since they may be programs; that of an app is not.
func link(to string) any {
	if appScheme.MatchString(to) || strings.HasPrefix(to, opensWechat) {
		return template.URL(to)
	}
	return to
}
