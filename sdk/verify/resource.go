package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Resource describes this API to programs that have no token for it yet (RFC 9728 §2). Every field may be empty.
type Resource struct {
	Scopes        []string // that requests to this API may need
	Name          string   // for users
	Documentation string   // the URL of a page for developers
}

// WithResource publishes metadata of this API: ResourceMetadata serves it, and the challenges in answers to rejected
// requests name its URL (RFC 9728 §5.1). The audience must be the URL of this API, as callers see it: https, or http on
// loopback, without query and fragment.
func WithResource(resource Resource) Option { return func(s *settings) { s.resource = &resource } }

// ResourceMetadata returns a handler that serves the metadata of this API (RFC 9728 §3.2), and its pattern for
// http.ServeMux.Handle: GET, and so HEAD, of the well-known path followed by the path of the audience (§3.1). The
// handler must not be behind Middleware, since its callers have no token. Without WithResource, every answer is 404.
func (v *Verifier) ResourceMetadata() (pattern string, handler http.Handler) {
	if v.metadata == nil {
		return "GET " + wellKnownResource, http.NotFoundHandler()
	}
	return v.metadata.pattern, v.metadata
}

// wellKnownResource is the path of the metadata of a resource that has no path itself (RFC 9728 §3).
const wellKnownResource = "/.well-known/oauth-protected-resource"

// resourceMetadata is the metadata of a resource.
type resourceMetadata struct {
	url, pattern string
	document     []byte
}

// newResourceMetadata returns the metadata of the resource with a URL that checkResourceURL accepts.
func newResourceMetadata(issuer, resource string, more Resource) *resourceMetadata {
	u, _ := url.Parse(resource)
	path := wellKnownResource
	if u.Path != "/" { // §3.1
		path += u.EscapedPath()
	}
	m := &resourceMetadata{url: u.Scheme + "://" + u.Host + path, pattern: "GET " + path}
	if strings.HasSuffix(path, "/") {
		m.pattern += "{$}" // otherwise it would match the paths below, too
	}
	m.document, _ = json.Marshal(struct { // strings have a JSON form
		Resource      string   `json:"resource"`
		Issuers       []string `json:"authorization_servers"`
		Scopes        []string `json:"scopes_supported,omitempty"`
		BearerMethods []string `json:"bearer_methods_supported"`
		Name          string   `json:"resource_name,omitempty"`
		Documentation string   `json:"resource_documentation,omitempty"`
	}{resource, []string{issuer}, more.Scopes, []string{"header"}, more.Name, more.Documentation})
	return m
}

// ServeHTTP implements http.Handler.
func (m *resourceMetadata) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(m.document) // an error means that the caller is gone
}

// check returns all errors of the arguments of WithResource.
func (r Resource) check(audience string) (faults []error) {
	if err := checkResourceURL(audience); err != nil {
		faults = append(faults, fmt.Errorf("WithResource: the audience %q %w", audience, err))
	}
	if i := slices.IndexFunc(r.Scopes, func(name string) bool { return !isScope(name) }); i >= 0 {
		faults = append(faults, fmt.Errorf("WithResource: %q is not a scope (RFC 6749 §3.3)", r.Scopes[i]))
	}
	if r.Documentation != "" {
		if err := checkURL(r.Documentation); err != nil {
			faults = append(faults, fmt.Errorf("WithResource: the documentation %q %w", r.Documentation, err))
		}
	}
	return faults
}

// checkResourceURL accepts URLs from which the URL of the metadata, and a pattern of http.ServeMux, can be made.
func checkResourceURL(text string) error {
	if err := checkURL(text); err != nil {
		return err
	}
	u, _ := url.Parse(text)
	switch {
	case strings.ContainsAny(text, "?#"):
		return errors.New("has a query or a fragment")
	case strings.TrimSuffix(u.JoinPath().String(), "/") != strings.TrimSuffix(text, "/"):
		return fmt.Errorf("must be written as %q", u.JoinPath())
	}
	return nil
}

// isScope reports whether a name is a scope-token (RFC 6749 §3.3).
func isScope(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	})
}
