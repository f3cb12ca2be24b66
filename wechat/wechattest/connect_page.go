package wechattest

import (
	"html/template"
	"net/http"
	"sync"
)

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
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = connectTemplate().Execute(w, page)
}

var connectTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("connect").Parse(`<!DOCTYPE html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>模拟微信 WeChat simulator</title>
<style>
body { max-width: 24rem; margin: min(3rem, 6vh) auto; padding: 0 1.5rem; font: 1rem/1.5 system-ui, sans-serif;
  color: #1a1a1a; background: #f7f7f7 }
h1 { font-size: 1.25rem } small { color: #595959 }
form { display: grid; gap: 1rem }
input[type=text], button { font: inherit; padding: .75rem; border-radius: .5rem; border: 1px solid #8c8c8c }
input[type=text] { box-sizing: border-box; width: 100% } button { background: #fff; cursor: pointer }
button.main { background: #06733f; border-color: #06733f; color: #fff }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #111 } small { color: #aaa }
  input[type=text], button { color: #eee; background: #222 } }
</style>
<p><small>模拟微信，仅供开发 · WeChat simulator, for development only</small>
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
`))
})
