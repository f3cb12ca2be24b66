package pages_test

import (
	"io"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider/pages"
)

// greeting is a page of another package.
type greeting struct{ Name string }

// Template implements pages.Page.
func (greeting) Template() string { return "greeting" }

// TestNewWith: pages of another package have our layout, words and style, and templates, words and style of their own.
func TestNewWith(t *testing.T) {
	t.Parallel()
	p, err := pages.NewWith("https://site.example.com/id", newTheme(t), fstest.MapFS{
		"style.css": {Data: []byte(".greeting{}")},
		"templates/greeting.html": {Data: []byte(`{{define "main"}}<h1>{{say "hello" "name" .Name}}</h1>` +
			`<p>{{say "continue"}}</p>{{end}}`)},
		"words/en.json":    {Data: []byte(`{"hello": "Hello {name}"}`)},
		"words/zh-CN.json": {Data: []byte(`{"hello": "你好，{name}"}`)},
	})
	require.NoError(t, err)
	document := parsed(t, render(p, "en", greeting{"<b>"}))
	require.Equal(t, "Hello <b>", textOf(elements(document, "h1")[0]))
	require.Equal(t, "Continue", textOf(elements(document, "p")[0]))
	require.Equal(t, "你好，<b>", textOf(elements(parsed(t, render(p, "zh", greeting{"<b>"})), "h1")[0]))
	path := attribute(elements(document, "link")[0], "href")
	require.Regexp(t, "^/id/pages/.*/style.css$", path)
	style, err := io.ReadAll(asset(p, path).Body)
	require.NoError(t, err)
	require.Regexp(t, `(?s)--accent:.*\.primary.*\.greeting`, string(style))

	_, err = pages.NewWith("https://site.example.com", newTheme(t), fstest.MapFS{})
	require.ErrorContains(t, err, "style.css")
}
