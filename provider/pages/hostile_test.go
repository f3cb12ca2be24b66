package pages_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/provider/pages/pagestest"
)

// hostile are names that attack a page: that would add elements or attributes, read other values, turn the text
// around, hide a part of it, write over other lines, or push the buttons off the screen.
var hostile = map[string]string{
	"element":   `"><script>alert(1)</script>`,
	"title":     `</title></p><h1>Sign in to Bank</h1>`,
	"attribute": `' autofocus onfocus='alert(1)`,
	"template":  `{{.Hidden}} {client} {user} {n}`,
	"direction": "Shop \u202emoc.elpmaxe\u202c \u2067x",
	"invisible": "S\u00adh\u200bo\ufeffp\u2060 \U000E0041",
	"controls":  "Shop\x00\r\n\t\x1b[31m\u2028red",
	"marks":     "Z" + strings.Repeat("\u0301", 500),
	"long":      strings.Repeat("长", 10000),
	"emoji":     strings.Repeat("👨‍👩‍👧‍👦", 100),
	"no UTF-8":  "Sh\xffop\xf0",
}

// shape returns the elements and the names of the attributes of a document, in order.
func shape(document *html.Node) string {
	var shape strings.Builder
	for _, node := range elements(document, "") {
		shape.WriteString("<" + node.Data)
		for _, a := range node.Attr {
			shape.WriteString(" " + a.Key)
		}
		shape.WriteString(">")
	}
	return shape.String()
}

// named returns the samples with a name, and pages whose other texts from outside are this name.
func named(name string) []pagestest.Sample {
	return append(pagestest.Samples(pagestest.Names{Client: name, User: name, Place: name, OtherPlace: name}),
		pagestest.Sample{Name: "user code", Page: pages.Device{UserCode: name}},
		pagestest.Sample{Name: "device", Page: pages.ApproveDevice{Device: name}},
		pagestest.Sample{Name: "detail", Page: pages.Error{Kind: pages.InvalidRequest, Detail: name}})
}

// TestHostileNames: with any name, pages have the same elements and attributes as with a harmless one, no text has
// characters that change their neighbors, and no name fills the page.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	harmless := named("Shop")
	for attack, name := range hostile {
		for n, sample := range named(name) {
			document := parsed(t, render(p, "en", sample.Page))
			require.Equal(t, shape(parsed(t, render(p, "en", harmless[n].Page))), shape(document),
				"%s: %s", attack, sample.Name)
			text := strings.ReplaceAll(textOf(elements(document, "body")[0]), "\u200d", "")
			require.NotRegexp(t, `[^\PC\n]|\x{fffd}|\x{2028}`, text, "%s: %s", attack, sample.Name)
			require.Less(t, len(text), 20000, "%s: %s", attack, sample.Name)
		}
	}
}

// TestNamesAreShown: what is harmless in a name stays, isolated from the text around it.
func TestNamesAreShown(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"示例 & Söhne <GmbH> 👨‍👩‍👧‍👦": "示例 & Söhne <GmbH> 👨‍👩‍👧‍👦", "متجر": "متجر", " a\tb ": "a b",
		strings.Repeat("长", 81): strings.Repeat("长", 80) + "…", "\u202egpj.exe": "gpj.exe",
	} {
		theme := newTheme(t)
		theme.Name = name
		document := parsed(t, render(newPages(t, theme), "en", pages.SignIn{Client: name}))
		require.Equal(t, want, textOf(elements(document, "header")[0]))
		require.Equal(t, "Sign in · "+want, textOf(elements(document, "title")[0]))
		require.Equal(t, want, textOf(elements(document, "bdi")[0]))
	}
}

// TestHostileLinks: a URL that is a program never becomes a link or the target of a form, and no URL leaves the
// attribute that sends a browser on.
func TestHostileLinks(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	for _, script := range []string{"javascript:alert(1)", " JaVaScRiPt:alert(1)", "data:text/html,<p>1</p>",
		"java\tscript:alert(1)//com.example:"} {
		form := pages.Form{Action: script}
		for _, page := range []pages.Page{
			pages.SignIn{Form: form, OtherAccount: script},
			pages.ChooseAccount{Form: form, OtherAccount: script}, pages.Consent{Form: form, OtherAccount: script},
			pages.SignOut{Form: form}, pages.SignedOut{Return: script}, pages.SentOn{URL: script},
			pages.FormPost{Form: form}, pages.Error{Kind: pages.Refused, Return: script},
		} {
			body, err := io.ReadAll(render(p, "en", page).Body)
			require.NoError(t, err)
			require.NotRegexp(t, `(?i)(href|action|url)="?\s*(javascript|data):`, string(body))
		}
	}
	for _, to := range []string{`/a?b="><script>`, `/a?b=';url=https://evil.example`, "/a?b=c d\n;url=//evil.example"} {
		document := parsed(t, render(p, "en", pages.SentOn{URL: to}))
		require.Empty(t, elements(document, "script"))
		require.True(t, strings.HasPrefix(refresh(document), "0;url=/a?b=")) // browsers read all of it as one URL
	}
}

// TestLinksToApps: a client may be an app with a scheme of its own.
func TestLinksToApps(t *testing.T) {
	t.Parallel()
	p := newPages(t, newTheme(t))
	const to = `com.example.shop:/callback?code=1&state="><script>`
	for _, page := range []pages.Page{pages.SentOn{URL: to}, pages.SignedOut{Return: to},
		pages.Error{Kind: pages.Refused, Return: to}} {
		document := parsed(t, render(p, "en", page))
		require.Empty(t, elements(document, "script"))
		require.Equal(t, "com.example.shop:/callback?code=1&state=%22%3e%3cscript%3e",
			attribute(elements(elements(document, "main")[0], "a")[0], "href"))
		if _, sends := page.(pages.SentOn); sends {
			require.Equal(t, "0;url="+to, refresh(document))
		}
	}
}

// refresh returns where a page sends the browser, after how many seconds.
func refresh(document *html.Node) string {
	for _, meta := range elements(document, "meta") {
		if attribute(meta, "http-equiv") == "refresh" {
			return attribute(meta, "content")
		}
	}
	return ""
}
