package provider

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lingpai/lingpai/provider/bounds"
)

// readMembers reads a JSON object of strings. Each member must have exactly one of the known names, and must not be
// repeated. encoding/json alone would take the last of two, "Password" for "password", and half a surrogate pair for
// a character.
func readMembers(r *http.Request, known []string) (map[string]string, error) {
	if err := checkContentType(r.Header, jsonType[0]); err != nil {
		return nil, err
	}
	return parseMembers(bounds.TakeBody(r), known)
}

var errMembers = badRequest("The body must be one JSON object of strings without repeated members.")

func parseMembers(body []byte, known []string) (map[string]string, error) {
	if !utf8.Valid(body) {
		return nil, badRequest("The body must be UTF-8.")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errMembers
	}
	members := map[string]string{}
	for decoder.More() {
		key, err := decoder.Token()
		name, _ := key.(string)
		if _, twice := members[name]; err != nil || twice {
			return nil, errMembers
		}
		if !slices.Contains(known, name) {
			return nil, badRequest("The body has an unknown member. Valid members: " + strings.Join(known, ", ") + ".")
		}
		value, err := decoder.Token()
		text, isText := value.(string)
		if err != nil || !isText {
			return nil, errMembers
		}
		if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || c == utf8.RuneError }) {
			return nil, badRequest("Members must not contain control characters or unpaired surrogates.")
		}
		members[name] = text
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errMembers
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errMembers
	}
	return members, nil
}
