package wechattest

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxQRCode is what the largest QR code holds, in bytes.
const maxQRCode = 2953

// How a phone reads a code.
const (
	ByCamera    = "camera"
	ByLongPress = "long_press" // on a picture in WeChat
	ByAlbum     = "album"
)

// The launch scenes of codes that a camera has read. Those of a long press and of the album follow each.
// https://developers.weixin.qq.com/miniprogram/dev/reference/scene-list.html
const (
	sceneQRCode          = 1011
	sceneMiniProgramCode = 1047
)

// What WeChat does with a code.
const (
	OpensMiniProgram = "mini-program"
	OpensBrowser     = "browser" // that of WeChat
	OpensText        = "text"    // it shows what the QR code has
	OpensNothing     = "nothing" // it shows why
)

// A Scan is a code that a user reads with WeChat on a phone: an ordinary QR code, or the code of a mini-program. Or it
// is a link that they open in the phone's browser.
type Scan struct {
	User string `json:"user"`
	Text string `json:"text"` // of an ordinary QR code
	Code string `json:"code"` // the id of a mini-program code, instead
	Link string `json:"link"` // a URL Scheme or a URL Link, instead
	By   string `json:"by"`   // of codes: ByCamera, ByLongPress or ByAlbum; default ByCamera
}

// Scanned is what WeChat does after a scan.
type Scanned struct {
	Opens string `json:"opens"` // OpensMiniProgram, OpensBrowser, OpensText or OpensNothing

	// Of a mini-program: its launch options, as wx.getLaunchOptionsSync returns them, and the version that is opened.
	// The values of the query are URL-encoded, as pages get them.
	AppID      string            `json:"appid,omitempty"`
	Path       string            `json:"path,omitempty"`
	Query      map[string]string `json:"query,omitempty"`
	Scene      int               `json:"scene,omitempty"`
	EnvVersion string            `json:"env_version,omitempty"`
	LaunchURL  string            `json:"launch_url,omitempty"` // where the app's LaunchURL is opened, if it has one

	URL    string `json:"url,omitempty"`    // that the browser opens
	Text   string `json:"text,omitempty"`   // that is shown
	Reason string `json:"reason,omitempty"` // why nothing is opened, in Chinese and English
}

// The reasons for which nothing is opened.
const (
	reasonUnpublished = "小程序或页面尚未发布 The mini-program or the page is not published"
	reasonTester      = "仅限开发者和体验者打开 Only developers and testers may open this version"
	reasonNoLink      = "链接不存在或已过期 There is no such link, or it has expired"
	reasonGone        = "小程序不存在 There is no such mini-program"
)

// scanner is WeChat on the phones of users.
type scanner struct {
	*platform
	*miniProgramCodes
	*linkMaker
}

// Scan returns what WeChat does when a user scans a code, or opens a link. It changes nothing, so that can be done
// again.
func (s *scanner) Scan(scan Scan) (Scanned, error) {
	way := slices.Index([]string{ByCamera, ByLongPress, ByAlbum}, scan.By)
	switch {
	case scan.User == "":
		return Scanned{}, errors.New("user: must not be empty")
	case scan.By == "":
		way = 0
	case way < 0:
		return Scanned{}, fmt.Errorf("by: %q is not camera, long_press or album", scan.By)
	}
	switch {
	case !exactlyOne(scan.Text, scan.Code, scan.Link):
		return Scanned{}, errors.New("text, code, link: exactly one of them is required")
	case len(scan.Text) > maxQRCode:
		return Scanned{}, fmt.Errorf("text: a QR code has at most %d bytes", maxQRCode)
	}
	s.platform.mutex.Lock()
	defer s.platform.mutex.Unlock()
	switch {
	case scan.Link != "":
		return s.openLink(scan.User, scan.Link), nil
	case scan.Code == "":
		return s.readText(scan, sceneQRCode+way), nil
	}
	made, found := s.pictures.get(scan.Code)
	if !found {
		return Scanned{}, fmt.Errorf("code: there is no mini-program code %q", scan.Code)
	}
	return s.readCode(scan, made, sceneMiniProgramCode+way), nil
}

func exactlyOne(texts ...string) bool {
	count := 0
	for _, text := range texts {
		if text != "" {
			count++
		}
	}
	return count == 1
}

// readText opens the mini-program that has a rule for a link. One that is not published opens it for test links only.
func (s *scanner) readText(scan Scan, scene int) Scanned {
	link := webURL(scan.Text)
	if link == nil {
		return Scanned{Opens: OpensText, Text: scan.Text}
	}
	owner, rule, found := s.linkRule(link)
	version := versionRelease
	if slices.Contains(rule.TestLinks, scan.Text) && owner.isTester(scan.User) {
		version = rule.TestVersion
		if version == "" {
			version = versionDevelop
		}
	} else if !rule.Published {
		found = false
	}
	if !found {
		return Scanned{Opens: OpensBrowser, URL: scan.Text}
	}
	now := strconv.FormatInt(s.now().Unix(), 10)
	return owner.launch(scan.User, Scanned{Path: rule.Page, Scene: scene, EnvVersion: version,
		Query: map[string]string{"q": encodeURIComponent(scan.Text), "scancode_time": now}})
}

func (s *scanner) readCode(scan Scan, made MiniProgramCode, scene int) Scanned {
	owner, err := s.app(made.AppID)
	if err != nil {
		return Scanned{Opens: OpensNothing, Reason: reasonGone}
	}
	path := made.Page
	if path == "" && len(owner.Pages) > 0 {
		path = owner.Pages[0]
	}
	return owner.launch(scan.User, Scanned{Path: path, Scene: scene, EnvVersion: made.EnvVersion,
		Query: map[string]string{"scene": encodeURIComponent(made.Scene)}})
}

// launch opens the app with launch options, if the user may.
func (a App) launch(user string, launched Scanned) Scanned {
	switch {
	case launched.EnvVersion != versionRelease && !a.isTester(user):
		return Scanned{Opens: OpensNothing, Reason: reasonTester}
	case launched.EnvVersion == versionRelease && !slices.Contains(a.Pages, launched.Path):
		return Scanned{Opens: OpensNothing, Reason: reasonUnpublished}
	}
	launched.Opens, launched.AppID = OpensMiniProgram, a.AppID
	if at := webURL(a.LaunchURL); at != nil {
		query := at.Query()
		query.Set("appid", a.AppID)
		query.Set("path", launched.Path)
		query.Set("query", launched.queryString())
		query.Set("scene", strconv.Itoa(launched.Scene))
		query.Set("user", user)
		at.RawQuery = query.Encode()
		launched.LaunchURL = at.String()
	}
	return launched
}

// queryString returns the query as it is in the URL of a page.
func (s Scanned) queryString() string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(s.Query)) {
		pairs = append(pairs, name+"="+s.Query[name])
	}
	return strings.Join(pairs, "&")
}

func (a App) isTester(user string) bool {
	return len(a.Testers) == 0 || slices.Contains(a.Testers, user)
}

// encodeURIComponent encodes as JavaScript's function does, which leaves more characters than package url.
func encodeURIComponent(text string) string {
	return strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").
		Replace(url.QueryEscape(text))
}
