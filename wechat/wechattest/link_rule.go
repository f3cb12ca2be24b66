package wechattest

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Limits of rules in WeChat's console.
const (
	maxLinkRules = 100
	maxTestLinks = 5
)

// The versions of a mini-program.
const (
	versionRelease = "release"
	versionTrial   = "trial"
	versionDevelop = "develop"
)

// A LinkRule lets the ordinary QR codes of links open a mini-program (扫普通链接二维码打开小程序).
// https://developers.weixin.qq.com/miniprogram/introduction/qrcode has what it covers, and the documentation of
// qrcodejumpadd and qrcodejumppublish the errors.
type LinkRule struct {
	Prefix    string `json:"prefix"`              // an http or https URL; one that ends in "/" covers what is below it
	Page      string `json:"page"`                // which page of the mini-program a link opens
	Published bool   `json:"published,omitempty"` // it applies to all users; otherwise only test links open anything

	// at most 5 links, each of which opens the test version for testers, whether the rule is published or not
	TestLinks   []string `json:"test_links,omitempty"`
	TestVersion string   `json:"test_version,omitempty"` // "develop", "trial" or "release"; default "develop"
}

// validateLinkRules rejects what WeChat's console rejects. The errors have WeChat's errcodes.
func (a App) validateLinkRules() error {
	if a.Personal && len(a.LinkRules) > 0 {
		return linkRuleError(85075, "a mini-program of a person cannot have any")
	}
	if len(a.LinkRules) > maxLinkRules {
		return linkRuleError(85073, fmt.Sprintf("there are more than %d", maxLinkRules))
	}
	for i, rule := range a.LinkRules {
		if slices.ContainsFunc(a.LinkRules[:i], func(earlier LinkRule) bool { return earlier.Prefix == rule.Prefix }) {
			return linkRuleError(85071, rule.Prefix+" is there twice")
		}
		if err := rule.validate(a.Pages); err != nil {
			return err
		}
	}
	return nil
}

func (r LinkRule) validate(pages []string) error {
	prefix := webURL(r.Prefix)
	switch {
	case prefix == nil || prefix.User != nil || prefix.Fragment != "" || isForeignAddress(prefix.Hostname()):
		return linkRuleError(85066, fmt.Sprintf("%q is not an http or https URL of a domain", r.Prefix))
	case !validPage(r.Page):
		return fmt.Errorf(`link_rules: page: %q is not a page such as "pages/index/index"`, r.Page)
	case r.Published && !slices.Contains(pages, r.Page):
		return linkRuleError(85074, fmt.Sprintf("%s cannot be published before the page %q", r.Prefix, r.Page))
	case len(r.TestLinks) > maxTestLinks:
		return fmt.Errorf("link_rules: test_links: %s has more than %d", r.Prefix, maxTestLinks)
	case !slices.Contains([]string{"", versionDevelop, versionTrial, versionRelease}, r.TestVersion):
		return fmt.Errorf("link_rules: test_version: %q is not develop, trial or release", r.TestVersion)
	}
	for _, link := range r.TestLinks {
		if at := webURL(link); at == nil || !r.covers(at) {
			return linkRuleError(85068, fmt.Sprintf("the test link %q is not below %s", link, r.Prefix))
		}
	}
	return nil
}

func linkRuleError(errcode int, text string) error {
	return fmt.Errorf("link_rules: %s (WeChat's errcode %d)", text, errcode)
}

// isForeignAddress reports whether a host is an IP address, for which there is no ICP filing. One on loopback is
// allowed, so that programs in development can be tried.
func isForeignAddress(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && !address.IsLoopback()
}

// webURL parses an http or https URL. It returns nil if the text is none.
func webURL(text string) *url.URL {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return nil
	}
	return parsed
}

// covers reports whether a link is one of the rule's: it has the same scheme, host and port; its path is the same, or
// below it if the prefix ends in "/"; and if the prefix has a query, the link's begins with it.
func (r LinkRule) covers(link *url.URL) bool {
	prefix := webURL(r.Prefix)
	if prefix.Scheme != link.Scheme || !strings.EqualFold(prefix.Host, link.Host) || link.User != nil ||
		!strings.HasPrefix(link.RawQuery, prefix.RawQuery) {
		return false
	}
	at, path := link.EscapedPath(), prefix.EscapedPath()
	return at == path || at+path == "/" || strings.HasSuffix(path, "/") && strings.HasPrefix(at, path)
}

// linkRule returns the rule that applies to a link, which is the one with the longest prefix, and its app.
func (s *platform) linkRule(link *url.URL) (owner App, applied LinkRule, found bool) {
	for _, known := range s.apps.values {
		for _, rule := range known.LinkRules {
			if len(rule.Prefix) > len(applied.Prefix) && rule.covers(link) {
				owner, applied, found = known.App, rule, true
			}
		}
	}
	return owner, applied, found
}

// checkOwners rejects an app with a rule that another app has.
func (s *platform) checkOwners(added App) error {
	for _, known := range s.apps.values {
		for _, rule := range known.LinkRules {
			if known.AppID != added.AppID && slices.ContainsFunc(added.LinkRules,
				func(other LinkRule) bool { return other.Prefix == rule.Prefix }) {
				return linkRuleError(85072, rule.Prefix+" belongs to "+known.AppID)
			}
		}
	}
	return nil
}
