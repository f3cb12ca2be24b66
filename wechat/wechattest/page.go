package wechattest

import (
	"html/template"
	"net/http"
	"sync"
)

// showPage answers with one of the pages for browsers. They are in Chinese and English, and need no JavaScript outside
// of frames.
func showPage(w http.ResponseWriter, status int, name string, content any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = pageTemplates().ExecuteTemplate(w, name, content)
}

var pageTemplates = sync.OnceValue(func() *template.Template {
	pages := template.Must(template.New("head").Parse(headTemplate))
	template.Must(pages.New("connect").Parse(connectTemplate))
	template.Must(pages.New("phone").Parse(phoneTemplate))
	return template.Must(pages.New("web view").Parse(webViewTemplate))
})

const headTemplate = `<!DOCTYPE html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><title>模拟微信 WeChat simulator</title>
<style>
body { max-width: 24rem; margin: min(3rem, 6vh) auto; padding: 0 1.5rem; font: 1rem/1.5 system-ui, sans-serif;
  color: #1a1a1a; background: #f7f7f7; overflow-wrap: anywhere }
h1 { font-size: 1.25rem } h2 { font-size: 1rem } small { color: #595959 } a { color: inherit }
form { display: grid; gap: 1rem } fieldset { border: 0; margin: 0; padding: 0 } fieldset label { display: block }
legend { padding: 0 } dt { font-weight: bold }
dd { margin: 0 0 .5rem } section { margin-bottom: 2rem; border-left: .25rem solid #06733f; padding-left: 1rem }
input[type=text], button, a.main { font: inherit; padding: .75rem; border-radius: .5rem; border: 1px solid #8c8c8c }
input[type=text] { box-sizing: border-box; width: 100% }
button { background: #fff; color: #1a1a1a; cursor: pointer; min-width: 0; overflow-wrap: anywhere }
button.main, a.main { background: #06733f; border-color: #06733f; color: #fff }
a.main { display: block; text-align: center; text-decoration: none }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #111 } small { color: #aaa }
  input[type=text], button { color: #eee; background: #222 } }
</style>
<p><small>模拟微信，仅供开发 · WeChat simulator, for development only</small>`
