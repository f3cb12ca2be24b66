package authorize

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
)

// answerable returns a form with state and response_mode from its request object (OpenID Connect Core §6.1), if they
// are only there. Request objects are refused and not verified, but the client could not read the refusal otherwise.
func answerable(form url.Values) url.Values {
	_, rest, _ := strings.Cut(form.Get("request"), ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	var object struct {
		State string `json:"state"`
		Mode  string `json:"response_mode"`
	}
	if err != nil || json.Unmarshal(decoded, &object) != nil {
		return form
	}
	form = maps.Clone(form)
	for name, value := range map[string]string{"state": object.State, "response_mode": object.Mode} {
		if value != "" && !form.Has(name) {
			form.Set(name, value)
		}
	}
	return form
}
