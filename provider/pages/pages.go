package pages

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed templates/*.html
var templateFiles embed.FS

const layout = "layout.html"

// Pages renders pages of one theme.
type Pages struct {
	theme     Theme
	assets    map[string]asset
	templates map[string]func() map[string]*template.Template // by language, by name; parsed when the first is needed
}

// New returns the pages of an issuer, or an error if it is not a URL.
func New(issuer string, theme Theme) (*Pages, error) {
	return newPages(issuer, theme, file("style.css"), templateFiles, catalogs)
}

// NewWith returns pages of another package, with our layout, words and style, to which its files are added: templates,
// words and style.css. The assets are served below base, which is a URL.
func NewWith(base string, theme Theme, files fs.FS) (*Pages, error) {
	style, err := fs.ReadFile(files, "style.css")
	if err != nil {
		return nil, err
	}
	return newPages(base, theme, file("style.css")+"\n"+string(style), files, catalogs, files)
}

func newPages(base string, theme Theme, style string, templates fs.FS, words ...fs.FS) (*Pages, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	theme.Name = cmp.Or(theme.Name, u.Host)
	p := &Pages{theme: theme, assets: assetsOf(u.Path, theme, style),
		templates: map[string]func() map[string]*template.Template{}}
	for _, lang := range Languages() {
		p.templates[lang] = sync.OnceValue(func() map[string]*template.Template {
			return p.parse(lang, templates, theme.Scopes.in(lang, wordsOf(lang, words...)))
		})
	}
	return p, nil
}

// parse returns the templates in a language by name, with words. It panics if one is wrong: tests read all of them.
func (p *Pages) parse(lang string, templates fs.FS, w words) map[string]*template.Template {
	funcs := template.FuncMap{"say": w.say, "count": w.count, "minutes": w.minutes, "ago": w.ago, "elapsed": w.elapsed,
		"scope": w.scope, "has": w.has, "shown": shown, "link": link,
		"lang": func() string { return lang }, "other_lang": func() string { return otherThan(lang) },
		"service": func() string { return shown(p.theme.Name) },
		"asset":   func(name string) string { return p.assets[name].path }}
	base := template.Must(template.New(layout).Funcs(funcs).ParseFS(templateFiles, "templates/"+layout))
	files, err := fs.Glob(templates, "templates/*.html")
	if err != nil {
		panic(err)
	}
	parsed := map[string]*template.Template{}
	for _, file := range files {
		if name := strings.TrimSuffix(path.Base(file), ".html"); path.Base(file) != layout {
			parsed[name] = template.Must(template.Must(base.Clone()).ParseFS(templates, file))
			for _, defined := range parsed[name].Templates() {
				fold(defined.Tree.Root, funcs)
			}
		}
	}
	return parsed
}

// view is what the templates show.
type view struct {
	Page     Page
	Theme    Theme
	OtherURL string // the page in the other language; "": no link
}

// Render writes a page with a status, in the language of a request.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, status int, page Page) {
	query := r.URL.Query()
	lang := p.Language(r)
	v := view{Page: page, Theme: p.theme}
	if r.Method == http.MethodGet || r.Method == http.MethodHead { // others cannot be repeated by a link
		v.OtherURL = inLanguage(query, otherThan(lang))
	}
	var body bytes.Buffer
	body.Grow(4 << 10) // a usual page
	if err := p.templates[lang]()[page.Template()].ExecuteTemplate(&body, layout, v); err != nil {
		panic(fmt.Errorf("pages: %w", err)) // tests render all pages
	}
	setHeaders(w.Header(), page)
	w.Header().Set("Content-Language", lang)
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // an error means that the caller is gone
}

const (
	policyPrefix = "default-src 'none'; style-src 'self'; img-src 'self'; "
	policySuffix = "; frame-ancestors 'none'; base-uri 'none'"
)

// setHeaders sets the headers with which a page allows only what it needs, cannot be framed, is not stored, and tells
// other sites nothing. The page of FormPost posts to another site: it has no form-action, which browsers apply to
// redirects after a form too, and tells that site the origin it came from. Browsers apply frame-src to redirects as
// well, so a page with a frame allows both sites.
func setHeaders(header http.Header, page Page) {
	policy, referrer := policyPrefix+"form-action 'self'"+policySuffix, "same-origin"
	switch page := page.(type) {
	case FormPost:
		policy, referrer = policyPrefix+"script-src 'self'"+policySuffix, "strict-origin"
	case ScanScreen, OpenWechat:
		policy = policyPrefix + "script-src 'self'; connect-src 'self'; form-action 'self'" + policySuffix
	case SignIn:
		if page.Frame.URL != "" {
			policy += "; frame-src 'self' " + page.Frame.Origin
		}
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", referrer)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("X-Frame-Options", "DENY") // for browsers without frame-ancestors
}
