package provider

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRoutesAreCountedByName: each answer counts for its route, and a panic with the status of its answer. Callers
// cannot create labels: paths without a route share one.
func TestRoutesAreCountedByName(t *testing.T) {
	counted := map[string][]int{}
	errs := newErrorWriter(slog.New(slog.NewTextHandler(io.Discard, nil)))
	r := router{slots: newSlots(0, errs), bodies: &bodyReader{}, errs: errs, observe: func(route string,
		next http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			w := httptest.NewRecorder()
			next.ServeHTTP(w, r)
			counted[route] = append(counted[route], w.Code)
		})
	}}
	fine := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	handler := r.handler([]route{
		{"things", readMethods, "/things", corsNone, slotNone, 0, fine},
		{"things", []string{http.MethodDelete}, "/things", corsNone, slotQuick, 0, fine},
		{"thing", postMethod, "/things/{id}", corsNone, slotNone, 0,
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("broken") })},
	})
	for _, request := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/things", nil), httptest.NewRequest(http.MethodDelete, "/things", nil),
		httptest.NewRequest(http.MethodPut, "/things", nil), httptest.NewRequest(http.MethodPost, "/things/7", nil),
		httptest.NewRequest(http.MethodGet, "/a", nil), httptest.NewRequest(http.MethodGet, "/b", nil),
	} {
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
	require.Equal(t, map[string][]int{"things": {200, 200, 405}, "thing": {500}, "none": {404, 404}}, counted)
}

// TestRowsOfOnePathShareAName in the metrics.
func TestRowsOfOnePathShareAName(t *testing.T) {
	errs := newErrorWriter(slog.New(slog.DiscardHandler))
	names := map[string]string{}
	rows := append((&accountAPI{errs: errs}).routes("/account/v1"), wechatDataRoutes("/wechat", nil, errs)...)
	for _, row := range append(rows, (Config{}).routes("", newSlots(0, errs), errs)...) {
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, row.name)
		if name, known := names[row.path]; known {
			require.Equal(t, name, row.name, row.path)
		}
		names[row.path] = row.name
	}
	paths := map[string]string{}
	for path, name := range names {
		require.Empty(t, paths[name], "%s and %s have one name", path, paths[name])
		paths[name] = path
	}
}

// TestFilesOfWechatShareAName in the metrics, so that their names are no labels.
func TestFilesOfWechatShareAName(t *testing.T) {
	rows := wechatFileRoutes("/id", map[string][]byte{"a.txt": nil, "b.txt": nil})
	require.Len(t, rows, 6)
	for _, row := range rows {
		require.Equal(t, "wechat_file", row.name)
		require.Equal(t, slotNone, row.slots)
	}
}
