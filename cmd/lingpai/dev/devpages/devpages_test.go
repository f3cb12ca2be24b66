package devpages_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/provider/pages"
)

// catalog returns a catalog of words, and its keys in the order of the file.
func catalog(t *testing.T, file string) (words map[string]string, keys []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &words))
	for _, line := range regexp.MustCompile(`(?m)^  "([^"]+)":`).FindAllStringSubmatch(string(text), -1) {
		keys = append(keys, line[1])
	}
	require.Len(t, words, len(keys), "a key is there twice")
	return words, keys
}

// TestWords: both languages have the same keys in the same order, with the same values in the texts. No key is one of
// the provider's pages, and Chinese has Chinese punctuation.
func TestWords(t *testing.T) {
	t.Parallel()
	english, keys := catalog(t, "words/en.json")
	chinese, sameKeys := catalog(t, "words/zh-CN.json")
	theirs, _ := catalog(t, "../../../../provider/pages/words/en.json")
	require.Equal(t, keys, sameKeys)
	value := regexp.MustCompile(`\{\w+\}`)
	for _, key := range keys {
		require.NotContains(t, theirs, key)
		require.NotEmpty(t, english[key], key)
		require.Equal(t, value.FindAllString(english[key], -1), value.FindAllString(chinese[key], -1), key)
		if strings.HasSuffix(key, ".url") {
			continue
		}
		require.True(t, strings.ContainsFunc(chinese[key], func(r rune) bool { return unicode.Is(unicode.Han, r) }) ||
			key == "outcome.called_api", key)
		require.NotRegexp(t, `[,;:?!]|\p{Han}\.`, chinese[key], key)
	}
}

// TestAllWordsAreUsed looks for each key in the templates, or for the group that it is chosen from.
func TestAllWordsAreUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	var uses strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		uses.Write(text)
	}
	_, keys := catalog(t, "words/en.json")
	group := regexp.MustCompile(`^(demo\.problem|outcome|scan_result|client|access|id|claim)\.|^(access|id)_token`)
	for _, key := range keys {
		require.True(t, strings.Contains(uses.String(), `"`+key+`"`) || group.MatchString(key), key)
	}
}

// samples are all pages, with everything that they may show.
func samples() (all []pages.Page) {
	token := devpages.Token{Kind: devpages.AccessToken, Text: "a.b.c", Header: []devpages.Claim{
		{In: devpages.AccessToken, Name: "alg", Value: "RS256"}}, Claims: []devpages.Claim{
		{In: devpages.AccessToken, Name: "exp", Value: "1", Time: "1970-01-01"},
		{In: devpages.AccessToken, Name: "<b>"}}}
	all = append(all, devpages.Start{}, devpages.Front{}, devpages.Front{Issuer: "http://127.0.0.1:1",
		Users: []devpages.User{{ID: "u_1", Username: "<b>", Password: "secret"}, {Username: "bob"}, {ID: "u_2"}},
		Codes: []devpages.ShownCode{{At: time.Unix(0, 0), Text: "http://127.0.0.1:1/scan/<b>"}},
		Clients: []devpages.Client{{ID: "dev-demo"},
			{ID: "x", Name: "<b>", Disabled: true, Grants: []string{"a", "b"}}},
		Requests: []devpages.Request{{At: time.Unix(0, 0), Path: "/<b>", Status: 404, Error: "not_found"}}})
	for _, kind := range []devpages.OutcomeKind{"", devpages.Refreshed, devpages.SessionEnded, devpages.RefreshRefused,
		devpages.CalledAPI, devpages.Unreachable} {
		all = append(all, devpages.Tokens{User: "<b>", Access: token, ID: token, Refresh: "x",
			Outcome: devpages.Outcome{Kind: kind, Code: "<b>", Description: "<b>", Status: 401, Answer: "<b>"}})
	}
	for _, kind := range []devpages.ProblemKind{devpages.UnknownAnswer, devpages.OtherIssuer, devpages.AccessDenied,
		devpages.SignInRefused, devpages.CodeRefused, devpages.InvalidToken, devpages.Unavailable, devpages.NotSignedIn,
		devpages.ForeignForm, devpages.NoSuchPage} {
		all = append(all, devpages.Problem{Kind: kind, Code: "<b>", Description: "<b>"})
	}
	for _, numbers := range [][]int{nil, {42}, {42, 17, 88}} {
		all = append(all, devpages.ScanQuestion{Action: "/demo/mini-program?user=<b>", User: "<b>", Client: "<b>",
			Host: "<b>", Address: "<b>", Device: "<b>", Numbers: numbers, Near: len(numbers) == 1,
			Place: "<b>", CallerPlace: "<b>"})
	}
	for _, kind := range []devpages.ScanResultKind{devpages.ScanApproved, devpages.ScanDenied, devpages.ScanReported,
		devpages.ScanExpired, devpages.ScanTaken, devpages.ScanDecided, devpages.ScanNotScanned,
		devpages.ScanWrongNumber, devpages.ScanFromPicture, devpages.ScanFromLink, devpages.ScanTooMany,
		devpages.ScanRefused, devpages.ScanUnreachable, devpages.ScanWithoutCode} {
		all = append(all, devpages.ScanResult{Kind: kind, User: "<b>", Code: "<b>", Description: "<b>"})
	}
	return all
}

// TestPages renders all pages in both languages: no text from outside becomes an element, and nothing needs a script.
func TestPages(t *testing.T) {
	t.Parallel()
	light, err := pages.LightColors("")
	require.NoError(t, err)
	p, err := devpages.New("http://127.0.0.1/demo", pages.Theme{Language: "en", Light: light, Dark: light})
	require.NoError(t, err)
	for _, page := range samples() {
		for _, lang := range pages.Languages() {
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
			r.Header.Set("Accept-Language", lang)
			w := httptest.NewRecorder()
			p.Render(w, r, http.StatusOK, page)
			body, err := io.ReadAll(w.Body)
			require.NoError(t, err)
			require.Contains(t, string(body), `<html lang="`+lang+`"`)
			require.NotContains(t, string(body), "<b>")
			require.NotContains(t, string(body), "<script")
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'; ")
		}
	}
}
