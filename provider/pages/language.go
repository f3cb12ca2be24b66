package pages

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Languages are the languages of the pages. The pages are in the first one if a browser does not say what its user
// reads and the operator has not chosen another.
func Languages() []string { return []string{Chinese, "en"} }

// Chinese is the first of them.
const Chinese = "zh-CN"

// Language returns the language of the pages for a request.
func (p *Pages) Language(r *http.Request) string {
	return p.LanguageOf(r.URL.Query().Get("ui_locales"), r.Header)
}

// LanguageOf returns the language for a request whose parameter ui_locales is not in its query.
func (p *Pages) LanguageOf(locales string, header http.Header) string {
	return languageOf(locales, header, p.theme.Language)
}

// maxLocales is how many languages of a request are read.
const maxLocales = 10

// matchers find the best language, by the language to use if none fits.
var matchers = sync.OnceValue(func() map[string]language.Matcher {
	all := map[string]language.Matcher{}
	for _, first := range Languages() {
		all[first] = language.NewMatcher([]language.Tag{language.Make(first), language.Make(otherThan(first))})
	}
	return all
})

// otherThan returns the other language.
func otherThan(lang string) string {
	if all := Languages(); lang == all[0] {
		return all[1]
	}
	return Languages()[0]
}

// languageOf returns the language for a request: the first that fits of the parameter ui_locales (OpenID Connect Core
// §3.1.2.1), the header Accept-Language, and the default.
func languageOf(locales string, header http.Header, fallback string) string {
	var wanted []language.Tag
	for n, name := range strings.Fields(locales) {
		if tag, err := language.Parse(name); err == nil && n < maxLocales {
			wanted = append(wanted, tag)
		}
	}
	accepted, _, _ := language.ParseAcceptLanguage(header.Get("Accept-Language"))
	for _, tags := range [][]language.Tag{wanted, accepted} {
		_, index, confidence := matchers()[fallback].Match(tags...)
		if confidence == language.No {
			continue
		}
		if index == 0 {
			return fallback
		}
		return otherThan(fallback)
	}
	return fallback
}

// inLanguage returns the URL of a request with a query, relative to its own, in another language. It changes the query.
func inLanguage(query url.Values, lang string) string {
	query.Set("ui_locales", lang)
	return (&url.URL{RawQuery: query.Encode()}).String()
}
