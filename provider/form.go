package provider

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/bounds"
)

const formType = "application/x-www-form-urlencoded"

// readForm reads a POST form into r.PostForm: from the body only, each parameter once, as UTF-8 without control
// characters, but for a scope, which has rules of its own. An empty parameter counts as absent (RFC 6749 §3.1).
// net/http's own ParseForm mixes in the query string and keeps repetitions.
func readForm(r *http.Request) error {
	if r.URL.RawQuery != "" {
		return badRequest("Send parameters in the form body, not in the query string: query strings end up in logs.")
	}
	if err := checkContentType(r.Header, formType); err != nil {
		return err
	}
	form, err := url.ParseQuery(string(bounds.TakeBody(r)))
	if err != nil {
		return badRequest("The body is not a valid form: check percent-encoding and separators.")
	}
	r.PostForm, err = oneOfEach(form)
	return err
}

// checkContentType rejects a body that is not of the wanted type, or compressed. It ignores the parameters of the type:
// a form has none, and libraries name any charset; that the body is UTF-8 is checked when it is read.
func checkContentType(header http.Header, wanted string) error {
	mediaType, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	switch {
	case !strings.EqualFold(strings.TrimSpace(mediaType), wanted) || len(header.Values("Content-Type")) > 1:
		return oauth.NewError(oauth.UnsupportedMediaType, "Content-Type must be "+wanted+".")
	case strings.Join(header.Values("Content-Encoding"), "") != "":
		return oauth.NewError(oauth.UnsupportedMediaType, "The body must not be compressed.")
	}
	return nil
}

func oneOfEach(form url.Values) (url.Values, error) {
	for name, values := range form {
		switch {
		case len(values) > 1 && name == "resource": // RFC 8707 §2 allows it, and lets a server refuse it
			return nil, oauth.NewError(oauth.InvalidTarget, "resource is repeated: a token is for one resource. "+
				"Request one token for each.")
		case len(values) > 1:
			return nil, badRequest("A parameter is repeated (RFC 6749 3.2).")
		case !oauth.CleanText(name) || name != "scope" && !oauth.CleanText(values[0]):
			return nil, badRequest("Parameters must be UTF-8 without control characters.")
		case values[0] == "":
			delete(form, name)
		}
	}
	return form, nil
}
