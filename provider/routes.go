package provider

import (
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/oauth"
)

// route describes an endpoint. CORS, the rejection of other methods, the limits on bodies and concurrent requests, and
// metrics are derived from it; a route for all methods has only metrics. Routes with the same path have the same name
// and different methods.
type route struct {
	name    string   // in metrics
	methods []string // empty: all
	path    string   // including the issuer's path
	cors    corsPolicy
	slots   slotKind
	body    int64 // the largest body, in bytes; 0: it is not read; GET and HEAD have none
	handler http.Handler
}

var (
	readMethods = []string{http.MethodGet, http.MethodHead}
	postMethod  = []string{http.MethodPost}
)

// router builds the handler of all routes.
type router struct {
	origin  string // of the issuer
	clients *clients.Registry
	slots   *slots
	bodies  *bodyReader
	errs    errorWriter
	observe func(route string, next http.Handler) http.Handler // nil: no metrics
}

// noRoute is the name in metrics of paths without a route.
const noRoute = "none"

// handler returns a handler that serves all routes, and answers 404 for any other path, which scripts of registered
// origins can read.
func (t *router) handler(rows []route) http.Handler {
	byPath := map[string][]route{}
	for _, row := range rows {
		byPath[row.path] = append(byPath[row.path], row)
	}
	mux := http.NewServeMux()
	unknown := t.observed(noRoute, registeredCORS(t.clients).Handler(http.HandlerFunc(t.errs.notFound)))
	for at, rows := range byPath {
		mux.Handle(at, t.observed(rows[0].name, t.atPath(rows)))
	}
	mux.Handle("/", unknown)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cleanPath(r.URL.EscapedPath()) { // ServeMux would redirect it, and callers send their credentials twice
			unknown.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// cleanPath reports whether a path has no empty elements and no "." or "..".
func cleanPath(p string) bool {
	clean := path.Clean(p)
	return p == clean || p == clean+"/" && clean != "/"
}

// observed returns a handler that counts the responses of a route, including those after a panic.
func (t *router) observed(name string, next http.Handler) http.Handler {
	next = t.errs.recovering(next)
	if t.observe == nil {
		return next
	}
	return t.observe(name, next)
}

// atPath returns a handler that serves the routes of one path.
func (t *router) atPath(rows []route) http.Handler {
	if len(rows) == 1 && len(rows[0].methods) == 0 {
		return rows[0].handler
	}
	handlers := map[string]http.Handler{}
	for _, row := range rows {
		for _, method := range row.methods {
			handler := t.slots.bounded(row.slots, row.handler)
			if !slices.Contains(readMethods, method) {
				handler = t.bodies.reading(row.body, handler)
			}
			handlers[method] = handler
		}
	}
	methods := slices.Sorted(maps.Keys(handlers))
	byMethod := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, found := handlers[r.Method]; found {
			handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		t.errs.writeError(w, r, oauth.NewError(oauth.MethodNotAllowed, "Use "+strings.Join(methods, " or ")+"."))
	})
	return t.withCORS(rows[0].cors, byMethod)
}
