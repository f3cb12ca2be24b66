package wechattest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of links. Those of the day and of the second are for both kinds together.
const (
	linksPerDay    = 500_000 // for an app, unless Options.DailyLinks says otherwise
	linksPerSecond = 100
	maxLinkQuery   = 1024 // characters
	minLinkLife    = time.Minute
	maxLinkLife    = 30 * 24 * time.Hour
)

// The launch scenes of links that are opened outside of WeChat.
const (
	sceneURLScheme = 1065
	sceneURLLink   = 1194
)

// schemePrefix begins a URL Scheme, and linkPath is the path of URL Links at the simulator.
const (
	schemePrefix = "weixin://dl/business/?t="
	linkPath     = "/url_link/"
)

// linkMessages are WeChat's texts for the errcodes that only links have.
var linkMessages = map[int]string{
	40165: "invalid weapp pagepath",
	40212: "invalid query",
	44990: "reach max api frequency limit",
	85079: "miniprogram has no online release",
	85401: "time limit between 1min and 30days",
	85402: "time limit between 1min and 30days",
}

// A Link is a URL Scheme or a URL Link that opens a mini-program.
type Link struct {
	URL        string    `json:"url"`
	AppID      string    `json:"appid"`
	Path       string    `json:"path"` // empty: the home page, when it is opened
	Query      string    `json:"query"`
	EnvVersion string    `json:"env_version"` // "release", "trial" or "develop"
	Expires    time.Time `json:"expires"`
	Made       time.Time `json:"made"`

	scene int
}

// linkMaker makes links.
type linkMaker struct {
	*platform
	*appTokens
	links *limitedMap[string, Link] // by URL
}

// Links returns the links that were made last, the newest first, at most 100.
func (s *linkMaker) Links() []Link { return lastMade(s.platform, s.links) }

// linkTarget is what a link opens.
type linkTarget struct {
	Path       string `json:"path"` // default: the home page
	Query      string `json:"query"`
	EnvVersion string `json:"env_version"` // default "release"
}

// linkExpiry is when a link ends. Without it there is no link: none is good for ever.
type linkExpiry struct {
	Type     int   `json:"expire_type"`     // 0: at a time; 1: after days
	Time     int64 `json:"expire_time"`     // Unix time in seconds
	Interval int   `json:"expire_interval"` // in days
}

// urlScheme is generateScheme, POST /wxa/generatescheme.
func (s *linkMaker) urlScheme(received call) *answer {
	var body struct {
		Target linkTarget `json:"jump_wxa"`
		linkExpiry
	}
	if failed := decodePost(received, &body); failed != nil {
		return failed
	}
	made := Link{URL: schemePrefix + s.alphanumeric(11), scene: sceneURLScheme}
	if failed := s.make(received, &made, body.Target, body.linkExpiry); failed != nil {
		return failed
	}
	return &answer{members: map[string]any{"openlink": made.URL}}
}

// urlLink is generateUrlLink, POST /wxa/generate_urllink. The link leads to a page of the simulator.
func (s *linkMaker) urlLink(received call) *answer {
	var body struct {
		linkTarget
		linkExpiry
	}
	if failed := decodePost(received, &body); failed != nil {
		return failed
	}
	made := Link{URL: "http://" + received.host + linkPath + s.alphanumeric(11), scene: sceneURLLink}
	if failed := s.make(received, &made, body.linkTarget, body.linkExpiry); failed != nil {
		return failed
	}
	return &answer{members: map[string]any{"url_link": made.URL}}
}

// make keeps a link, unless WeChat refuses to make it.
func (s *linkMaker) make(received call, made *Link, target linkTarget, expiry linkExpiry) *answer {
	known, failed := s.miniProgram(received)
	switch {
	case failed != nil:
		return failed
	case !s.allow(quota{linksPerSecond, time.Second}, "link", known.AppID):
		return failWith(44990)
	case known.Personal:
		return failWith(40002)
	case len(known.Pages) == 0:
		return failWith(85079)
	}
	target.Path = strings.TrimPrefix(target.Path, "/") // WeChat's own examples have it
	if errcode := target.fault(known.Pages); errcode != 0 {
		return failWith(errcode)
	}
	expires, errcode := expiry.end(s.now())
	switch {
	case errcode != 0:
		return failWith(errcode)
	case !s.allow(perDay(s.options.DailyLinks), "links", known.AppID):
		return failWith(45009)
	}
	if target.EnvVersion == "" {
		target.EnvVersion = versionRelease
	}
	made.AppID, made.Path, made.Query, made.EnvVersion = known.AppID, target.Path, target.Query, target.EnvVersion
	made.Expires, made.Made = expires, s.now()
	s.links.put(made.URL, *made)
	return nil
}

// fault returns WeChat's errcode for what is wrong with a target, or 0. pages are those that the app has published.
func (t linkTarget) fault(pages []string) int {
	switch {
	case t.Path != "" && !slices.Contains(pages, t.Path):
		return 40165
	case len(t.Query) > maxLinkQuery, strings.Trim(t.Query, sceneCharacters+"%") != "":
		return 40212
	case !slices.Contains([]string{"", versionRelease, versionTrial, versionDevelop}, t.EnvVersion):
		return 40097
	}
	return 0
}

// end returns when a link ends, or WeChat's errcode for what is wrong with that.
func (e linkExpiry) end(now time.Time) (time.Time, int) {
	switch {
	case e.Type == 0:
		end := time.Unix(e.Time, 0)
		if life := end.Sub(now); life <= minLinkLife || life > maxLinkLife {
			return end, 85401
		}
		return end, 0
	case e.Type == 1 && e.Interval >= 1 && e.Interval <= 30:
		return now.AddDate(0, 0, e.Interval), 0
	case e.Type == 1:
		return now, 85402
	}
	return now, 40097
}

// openLink returns what WeChat does with a link that a user opens in a browser.
func (s *linkMaker) openLink(user, link string) Scanned {
	made, found := s.links.get(link)
	owner, err := s.app(made.AppID)
	switch {
	case !found, !s.now().Before(made.Expires):
		return Scanned{Opens: OpensNothing, Reason: reasonNoLink}
	case err != nil:
		return Scanned{Opens: OpensNothing, Reason: reasonGone}
	}
	path := made.Path
	if path == "" && len(owner.Pages) > 0 {
		path = owner.Pages[0]
	}
	launched := Scanned{Path: path, Scene: made.scene, EnvVersion: made.EnvVersion, Query: map[string]string{}}
	for pair := range strings.SplitSeq(made.Query, "&") {
		if name, value, _ := strings.Cut(pair, "="); name != "" {
			launched.Query[name] = value
		}
	}
	return owner.launch(user, launched)
}

// serveLink is the page of a URL Link. It leads to the simulator's phone, which opens the mini-program.
func serveLink(w http.ResponseWriter, r *http.Request) {
	link := "http://" + r.Host + r.URL.Path
	http.Redirect(w, r, "/_sim/phone?"+url.Values{"link": {link}}.Encode(), http.StatusSeeOther)
}
