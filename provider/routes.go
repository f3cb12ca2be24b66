package provider

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/oauth"
)

// route is one row of the table of endpoints. CORS, the refusal of other methods and the bound on requests at once
// follow from it. Rows with one path differ in their methods.
type route struct {
	name    string   // for operators
	methods []string // none: all
	path    string   // whole, with the issuer's
	cors    corsPolicy
	slots   slotKind
	handler http.Handler
}

var (
	readMethods = []string{http.MethodGet, http.MethodHead}
	postMethod  = []string{http.MethodPost}
)

// router builds a handler of rows.
type router struct {
	clients *clients.Registry
	slots   *slots
	answers answers
}

// handler serves all rows, and says of any other path that there is nothing.
func (t *router) handler(rows []route) http.Handler {
	byPath := map[string][]route{}
	for _, row := range rows {
		byPath[row.path] = append(byPath[row.path], row)
	}
	mux := http.NewServeMux()
	for path, rows := range byPath {
		mux.Handle(path, t.atPath(rows))
	}
	mux.HandleFunc("/", t.answers.notFound)
	return mux
}

// atPath serves the rows of one path.
func (t *router) atPath(rows []route) http.Handler {
	if len(rows) == 1 && len(rows[0].methods) == 0 {
		return rows[0].handler
	}
	handlers := map[string]http.Handler{}
	for _, row := range rows {
		for _, method := range row.methods {
			handlers[method] = t.slots.bounded(row.slots, row.handler)
		}
	}
	methods := slices.Sorted(maps.Keys(handlers))
	byMethod := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, found := handlers[r.Method]; found {
			handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		t.answers.writeError(w, r, oauth.NewError(oauth.MethodNotAllowed, "Use "+strings.Join(methods, " or ")+"."))
	})
	return withCORS(rows[0].cors, t.clients, methods, byMethod)
}
