package provider_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// description is the API's description, as programs read it.
type description struct {
	mutex    sync.Mutex
	document map[string]any
	compiler *jsonschema.Compiler
}

var described = sync.OnceValue(func() *description {
	text, err := os.Open("account_openapi.json")
	if err != nil {
		panic(err)
	}
	defer text.Close()
	document, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		panic(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020) // of OpenAPI 3.1
	compiler.AssertFormat()
	if err := compiler.AddResource("openapi.json", document); err != nil {
		panic(err)
	}
	return &description{document: document.(map[string]any), compiler: compiler}
})

// follow returns the value at a place in the document, with references resolved, and its place after resolution.
func (d *description) follow(place ...string) (map[string]any, []string) {
	var value any = d.document
	for _, name := range place {
		members, _ := value.(map[string]any)
		value = members[name]
	}
	members, _ := value.(map[string]any)
	if reference, ok := members["$ref"].(string); ok {
		return d.follow(strings.Split(strings.TrimPrefix(reference, "#/"), "/")...)
	}
	return members, place
}

// validate validates a value by the schema at a place.
func (d *description) validate(value any, place ...string) error {
	pointer := "openapi.json#"
	for _, name := range place {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(name)
	}
	d.mutex.Lock()
	schema, err := d.compiler.Compile(pointer)
	d.mutex.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func (d *description) validateText(text string, place ...string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return d.validate(value, append(place, "content", "application/json", "schema")...)
}

// operation returns the place of a call in the document.
func (d *description) operation(call string) []string {
	method, path, _ := strings.Cut(call, " ")
	path, _, _ = strings.Cut(path, "?")
	for _, list := range []string{"/sessions/", "/consents/"} {
		if id, below := strings.CutPrefix(path, list); below && id != "" && !strings.Contains(id, "/") {
			path = list + "{id}"
		}
	}
	return []string{"paths", path, strings.ToLower(method)}
}

// requireDescribed compares an answer with the description: its status, headers, body and error code, and the body
// of the request if it was accepted. A call that the API does not have must be answered with 404 or 405.
func requireDescribed(call, sent string, a answer) error {
	d := described()
	place := d.operation(call)
	operation, _ := d.follow(place...)
	if operation == nil {
		if a.status != http.StatusMethodNotAllowed && a.status != http.StatusNotFound {
			return fmt.Errorf("%d for a call that is not described", a.status)
		}
		return nil
	}
	response, at := d.follow(append(place, "responses", strconv.Itoa(a.status))...)
	if response == nil {
		return fmt.Errorf("status %d: %s", a.status, a.body)
	}
	var faults []error
	for name, header := range members(response["headers"]) {
		if value := a.header.Get(name); value != "" {
			faults = append(faults, d.validate(value, append(at, "headers", name, "schema")...))
		} else if members(header)["required"] == true {
			faults = append(faults, errors.New("lacks "+name))
		}
	}
	switch {
	case response["content"] == nil && a.body != "":
		faults = append(faults, errors.New("unexpected body: "+a.body))
	case response["content"] != nil:
		faults = append(faults, d.validateText(a.body, at...))
	}
	if a.status < 300 && operation["requestBody"] != nil {
		faults = append(faults, d.validateText(sent, append(place, "requestBody")...))
	}
	if a.status >= 400 && !strings.Contains(response["description"].(string), a.text("error")) {
		faults = append(faults, fmt.Errorf("%d is not described as %s", a.status, a.text("error")))
	}
	return errors.Join(faults...)
}

func members(value any) map[string]any { found, _ := value.(map[string]any); return found }

// calls returns all calls of the description, such as "GET /profile".
func (d *description) calls() []string {
	var found []string
	for path, item := range members(d.document["paths"]) {
		for method := range members(item) {
			found = append(found, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(found)
	return found
}

// TestTheOpenAPIDescriptionHasEveryMember compares it with the valid members that a call lists when it rejects
// another one.
func TestTheOpenAPIDescriptionHasEveryMember(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	token := w.at(testApp, "ada").text("access_token")
	for _, call := range described().calls() {
		schema, _ := described().follow(append(described().operation(call), "requestBody", "content",
			"application/json", "schema")...)
		if schema == nil { // no body
			continue
		}
		refused := w.account(call, token, form{"no such member": ""})
		requireError(t, refused, http.StatusBadRequest, "invalid_request")
		_, known, _ := strings.Cut(strings.TrimSuffix(refused.text("error_description"), "."), "Valid members: ")
		require.ElementsMatch(t, names(members(schema["properties"])), strings.Split(known, ", "), call)
	}
}
