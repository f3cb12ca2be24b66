package wechat

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A Link opens a page of a mini-program from outside of WeChat, in a browser or from a message. WeChat makes links only
// for published mini-programs that do not belong to a person.
type Link struct {
	Page    string    // such as "pages/scan/scan", without a query; "": the first one
	Query   string    // that the page gets: at most 1024 letters, digits and !#$&'()*+,/:;=?@-._~%
	Version string    // "release", "trial" or "develop"; "": release
	Expires time.Time // at least MinLinkLife and at most MaxLinkLife from now
}

const (
	// MinLinkLife is the least time for which a link is good, with room for a slow call and other clocks: WeChat wants
	// more than a minute.
	MinLinkLife = 90 * time.Second
	// MaxLinkLife is the longest time.
	MaxLinkLife = 30 * 24 * time.Hour

	maxLinkQuery = 1024 // characters
	// maxLink limits a link that WeChat has made, in bytes. Real ones have less than 100.
	maxLink = 1024
)

var (
	validLinkPage = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9A-Za-z_-]+(/[0-9A-Za-z_-]+)*$`)
	})
	validLinkQuery = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[0-9A-Za-z!#$&'()*+,/:;=?@\-._~%]*$`)
	})
)

// check returns what is wrong with a link, or "".
func (l Link) check(now time.Time) string {
	life := l.Expires.Sub(now)
	switch {
	case l.Page != "" && !validLinkPage().MatchString(l.Page):
		return "implausible page"
	case len(l.Query) > maxLinkQuery || !validLinkQuery().MatchString(l.Query):
		return "implausible query"
	case l.Version != "" && l.Version != "release" && l.Version != "trial" && l.Version != "develop":
		return "implausible version"
	case life < MinLinkLife || life > MaxLinkLife:
		return "implausible expiry"
	}
	return ""
}

// linkClasses are the errcodes of links: what the app may not have (40002: it belongs to a person; 40013: WeChat has
// taken the right away; 85079: nothing is published), wrong parameters (40165: the page; 40212: the query; 85401 and
// 85402: the expiry; 40097: others), and quotas (44990: 100 a second; 44993: of a day; 85400: of links that live long).
func linkClasses() map[int]error {
	return map[int]error{40002: ErrMisconfigured, 40013: ErrMisconfigured, 85079: ErrMisconfigured,
		40097: ErrMisconfigured, 40165: ErrMisconfigured, 40212: ErrMisconfigured, 85401: ErrMisconfigured,
		85402: ErrMisconfigured, 44990: ErrThrottled, 44993: ErrThrottled, 85400: ErrThrottled}
}

// target returns the members that say what a link opens.
func (l Link) target() map[string]any {
	members := map[string]any{"query": l.Query}
	if l.Page != "" {
		members["path"] = l.Page
	}
	if l.Version != "" {
		members["env_version"] = l.Version
	}
	return members
}

// URLScheme returns a link such as weixin://dl/business/?t=…, which opens WeChat on a phone (generateScheme, POST
// /wxa/generatescheme). WeChat makes 500 000 links of both kinds a day for an app.
func (a *AppTokens) URLScheme(ctx context.Context, credentials Credentials, link Link) (string, error) {
	return a.makeLink(ctx, credentials, link, "generateScheme", func(ctx context.Context, token Secret) (string,
		error) {
		made, err := a.postForLink(ctx, token, link, "/wxa/generatescheme", map[string]any{"jump_wxa": link.target()},
			"openlink")
		if err == nil && !strings.HasPrefix(made, "weixin://dl/") {
			return "", outage("no URL Scheme")
		}
		return made, err
	})
}

// URLLink returns a link such as https://wxaurl.cn/…, a page of WeChat that opens the mini-program on a phone
// (generateUrlLink, POST /wxa/generate_urllink).
func (a *AppTokens) URLLink(ctx context.Context, credentials Credentials, link Link) (string, error) {
	return a.makeLink(ctx, credentials, link, "generateUrlLink", func(ctx context.Context, token Secret) (string,
		error) {
		made, err := a.postForLink(ctx, token, link, "/wxa/generate_urllink", link.target(), "url_link")
		if err == nil && !a.client.isPageURL(made) {
			return "", outage("no URL Link")
		}
		return made, err
	})
}

func (a *AppTokens) makeLink(ctx context.Context, credentials Credentials, link Link, api string,
	do func(context.Context, Secret) (string, error)) (string, error) {
	if wrong := link.check(a.now()); wrong != "" {
		return "", &Error{Class: ErrMisconfigured, Reason: wrong}
	}
	return withAppToken(ctx, a, api, credentials, do)
}

// postForLink returns the member of an answer that is the link.
func (a *AppTokens) postForLink(ctx context.Context, token Secret, link Link, path string, members map[string]any,
	member string) (string, error) {
	members["expire_type"], members["expire_time"] = 0, link.Expires.Unix()
	body, err := a.client.post(ctx, path, withToken(token, nil), members)
	if err != nil {
		return "", err
	}
	answer, err := parseAnswer(body, linkClasses())
	if err != nil {
		return "", err
	}
	made, err := answer.text(member)
	if err != nil || !plausibleText(made, maxLink) {
		return "", outage("no plausible link")
	}
	return made, nil
}

// isPageURL reports whether a URL is an https URL, or one of the simulator that is called.
func (c *Client) isPageURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && u.User == nil &&
		(u.Scheme == "https" || u.Scheme == c.base.Scheme && u.Host == c.base.Host)
}
