package wechattest

import "net/http"

// What a page asks.
const (
	askScan    = "scan"    // who scans the code
	askProfile = "profile" // whether the program may have the profile
	askPhone   = "phone"   // whose phone this is
)

// connectPage is what a page shows.
type connectPage struct {
	Title    string // the AppID
	Fault    *linkFault
	Ask      string
	User     string
	Quick    bool // a WeChat on this computer can confirm without a scan
	Snapshot bool
	Declined bool
	Moves    string // URL to which the page, in a frame, moves the whole window
}

func showConnect(w http.ResponseWriter, status int, page connectPage) {
	showPage(w, status, "connect", page)
}

const connectTemplate = `{{template "head"}}
{{with .Fault}}<h1>Oops! Something went wrong:(</h1>
<p id="fault">{{.Text}}{{with .Errcode}}<br>错误码 <span id="errcode">{{.}}</span>{{end}}
{{else}}{{if .Title}}<p>{{.Title}}{{end}}
{{with .Moves}}<script>window.top.location = {{.}}</script>{{end}}
{{if .Declined}}<p id="declined">已拒绝 · Declined{{end}}
{{if eq .Ask "scan"}}<h1>扫码登录 Scan to sign in</h1>
<form method="post"><label>谁来扫码 Who scans <input id="user" name="user" type="text" value="alice" required></label>
<button id="confirm" class="main">扫码并允许 Scan and allow</button>
{{if .Quick}}<button id="quick">微信快捷登录 Quick login</button>{{end}}
<button id="decline" name="decision" value="decline">扫码后拒绝 Scan and decline</button></form>
{{else if eq .Ask "profile"}}<h1>获取你的昵称、头像 Get your nickname and picture</h1>
<p>{{.User}} · <a href="/connect/phone">换人 change</a>
<form method="post"><button id="allow" class="main" name="decision" value="allow">允许 Allow</button>
<button id="decline" name="decision" value="decline">拒绝 Decline</button></form>
{{else if eq .Ask "phone"}}<h1>这是谁的手机？ Whose phone is this?</h1>
<form method="post"><label>用户 User
<input id="user" name="user" type="text" value="{{or .User "alice"}}" required></label>
<label><input id="snapshot" name="snapshot" type="checkbox" value="1"{{if .Snapshot}} checked{{end}}>
以快照页打开网页 Pages open as snapshots</label>
<button id="confirm" class="main">确定 OK</button></form>{{end}}{{end}}
`
