package wechattest

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// phonePages are the page of a phone, which is the simulator's own. Everything that a page shows is in its URL, so each
// tab of a browser is a phone of its own, and a page can be loaded again.
type phonePages struct{ *Simulator }

// phonePage is what a page shows.
type phonePage struct {
	Scan  Scan
	Codes []MiniProgramCode // to choose from
	Links []Link            // and to open
	Fault string

	Scanned Scanned
	Open    string      // where the result is opened
	Query   []parameter // of the launch options
	Way     string      // of the scan, in words
}

// parameter is one of a query.
type parameter struct{ Name, Value, Decoded string }

// serve is GET /_sim/phone. Its parameters are the members of a Scan. Without a user the page asks whose phone it is,
// and without a code, a text or a link there is no scan.
func (s phonePages) serve(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	page := phonePage{Codes: s.MiniProgramCodes(), Links: s.Links(), Scan: Scan{User: query.Get("user"),
		Text: query.Get("text"), Code: query.Get("code"), Link: query.Get("link"), By: query.Get("by")}}
	status, scan := http.StatusOK, page.Scan
	if scan.Code != "" || scan.Link != "" {
		scan.Text = "" // the form has all
	}
	if scan.User != "" && (query.Has("text") || query.Has("code") || query.Has("link")) {
		var err error
		if page.Scanned, err = s.Scan(scan); err != nil {
			status, page.Fault = http.StatusBadRequest, err.Error()
		}
	}
	page.Open = page.Scanned.LaunchURL + page.Scanned.URL // one is empty
	page.Way = launchWords[page.Scanned.Scene]
	for _, name := range slices.Sorted(maps.Keys(page.Scanned.Query)) {
		value := page.Scanned.Query[name]
		decoded, _ := url.PathUnescape(value) // as decodeURIComponent does
		page.Query = append(page.Query, parameter{name, value, decoded})
	}
	showPage(w, status, "phone", page)
}

// launchWords describe the launch scenes.
var launchWords = map[int]string{
	1011: "扫描二维码 QR code, camera",
	1012: "长按识别二维码 QR code, long press",
	1013: "扫描相册中的二维码 QR code, album",
	1047: "扫描小程序码 mini-program code, camera",
	1048: "长按识别小程序码 mini-program code, long press",
	1049: "扫描相册中的小程序码 mini-program code, album",
	1065: "URL Scheme",
	1194: "URL Link",
}

const phoneTemplate = `{{template "head"}}
{{if not .Scan.User}}<h1>这是谁的手机？ Whose phone is this?</h1>
<form><label>用户 User <input id="user" name="user" type="text" value="alice" required></label>
{{with .Scan.Link}}<input type="hidden" name="link" value="{{.}}">{{end}}
<button id="confirm" class="main">确定 OK</button></form>
{{else}}<h1>{{.Scan.User}} 的手机 · The phone of {{.Scan.User}}</h1>
{{with .Fault}}<p id="fault" role="alert">{{.}}
{{end}}{{with .Scanned}}{{if .Opens}}<section id="result" data-opens="{{.Opens}}">
{{if eq .Opens "mini-program"}}<h2>打开小程序 Opens a mini-program</h2>
<dl><dt>appid<dd>{{.AppID}}<dt>path<dd id="path">{{.Path}}
{{range $.Query}}<dt>query.{{.Name}}<dd><span id="query-{{.Name}}">{{.Value}}</span>
{{if ne .Value .Decoded}}<br><small>decodeURIComponent: {{.Decoded}}</small>{{end}}
{{end}}<dt>scene<dd id="scene">{{.Scene}} {{$.Way}}<dt>envVersion<dd>{{.EnvVersion}}</dl>
{{else if eq .Opens "browser"}}<h2>在微信中打开网页 Opens a page in WeChat</h2><p id="url">{{.URL}}
{{else if eq .Opens "text"}}<h2>显示文字 Shows the text</h2><p id="shown">{{.Text}}
{{else}}<h2>没有打开 Opens nothing</h2><p id="reason">{{.Reason}}
{{end}}{{with $.Open}}<p><a id="open" class="main" href="{{.}}" rel="noreferrer">打开 Open</a>
{{else}}{{if .AppID}}<p><small>应用没有设置 launch_url · The app has no launch_url</small>{{end}}{{end}}</section>
{{end}}{{end}}<form><input type="hidden" name="user" value="{{.Scan.User}}">
<fieldset><legend>怎样扫 How to scan</legend>
<label><input name="by" type="radio" value="camera"{{if not (eq .Scan.By "long_press" "album")}} checked{{end}}>
扫一扫 camera</label>
<label><input name="by" type="radio" value="long_press"{{if eq .Scan.By "long_press"}} checked{{end}}>
长按识别 long press</label>
<label><input name="by" type="radio" value="album"{{if eq .Scan.By "album"}} checked{{end}}>
相册 album</label></fieldset>
<label>二维码的内容 Content of a QR code
<input id="text" name="text" type="text" value="{{.Scan.Text}}" autocomplete="off" autocapitalize="none"></label>
<button id="confirm" class="main">扫二维码 Scan the QR code</button>
<h2>小程序码 Mini-program codes</h2>
{{range .Codes}}<button name="code" value="{{.ID}}"><b>{{.ID}}</b> {{.Scene}}<br>
<small>{{.AppID}} {{.Page}} {{.EnvVersion}}</small></button>
{{else}}<p><small>还没有 None has been made yet</small>
{{end}}{{with .Links}}<h2>小程序链接 Links to mini-programs</h2>
{{range .}}<button name="link" value="{{.URL}}">{{.URL}}<br><small>{{.AppID}} {{.Path}} {{.Query}}</small></button>
{{end}}{{end}}</form>
<p><a href="/_sim/phone">换一部手机 Another phone</a>
{{end}}`
