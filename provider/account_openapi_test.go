package provider_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestTheOpenAPIDescriptionIsServed unchanged, to scripts of every origin.
func TestTheOpenAPIDescriptionIsServed(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.path = "/tenant" })
	text, err := os.ReadFile("account_openapi.json")
	require.NoError(t, err)
	a := w.get("/account/v1/openapi.json", http.Header{"Origin": {"https://anybody.example"}})
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, string(text), a.body)
	requireJSON(t, a)
	require.Equal(t, "*", a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, http.StatusNotModified, w.get("/account/v1/openapi.json",
		http.Header{"If-None-Match": {a.header.Get("Etag")}}).status)
	requireError(t, w.post("/account/v1/openapi.json", "{}", nil), http.StatusMethodNotAllowed, "invalid_request")
}

// TestTheOpenAPIDescriptionHasEveryCall that the server has, by its routes and by its answers, and no others.
func TestTheOpenAPIDescriptionHasEveryCall(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("account.go")
	require.NoError(t, err)
	registered := []string{"POST /users"}
	row := regexp.MustCompile(`http\.Method([A-Z])([a-z]+), "(/[a-z/{}]+)", "`)
	for _, found := range row.FindAllSubmatch(source, -1) {
		registered = append(registered, strings.ToUpper(string(found[1])+string(found[2]))+" "+string(found[3]))
	}
	slices.Sort(registered)
	require.Equal(t, registered, described().calls())
	w := newEnv(t)
	for path, item := range members(described().document["paths"]) {
		var methods []string
		for method := range members(item) {
			methods = append(methods, strings.ToUpper(method))
		}
		slices.Sort(methods)
		a := w.accountText("PATCH "+strings.Replace(path, "{id}", "x", 1), "", nil)
		requireError(t, a, http.StatusMethodNotAllowed, "invalid_request")
		require.Equal(t, strings.Join(methods, ", "), a.header.Get("Allow"), path)
	}
}

// TestEveryCallOfTheOpenAPIDescriptionWorks: each returns its described success. All other tests compare errors with
// the description.
func TestEveryCallOfTheOpenAPIDescriptionWorks(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	w.shop(-1)
	require.NoError(t, w.simulator.SetUser(wechattest.User{User: "ada", PhoneNumber: "13812345678"}))
	requireTokens(t, w.token(form{"grant_type": "wechat_code", "client_id": "shop", "scope": "phone",
		"code": w.code("ada"), "phone_code": w.phoneCode("ada")}))
	a := w.at(testApp, "ada")
	other := w.subOf(a.text("access_token"))
	w.knowAll(other)
	session := claimsOf(t, w.at(testApp, "ada").text("access_token"))["sid"].(string)
	require.NoError(t, w.database.Consents().Grant(t.Context(), identity.Consent{UserID: other, ClientID: "partner",
		Scopes: []string{"openid"}}))
	var made []string
	for _, c := range []struct {
		call   string
		body   form
		status int
	}{
		{"POST /users", form{"client_id": "own", "username": "bob", "password": newPassword}, http.StatusCreated},
		{"GET /profile", nil, http.StatusOK},
		{"PUT /profile", form{"nickname": "Ada", "email": "ada@example.com"}, http.StatusOK},
		{"POST /links", w.proofBy(testApp, "ada").with("appid", otherApp, "code", w.codeOf(otherApp, "ada")),
			http.StatusNoContent},
		{"GET /sessions", nil, http.StatusOK},
		{"DELETE /sessions/" + session, nil, http.StatusNoContent},
		{"DELETE /sessions", nil, http.StatusOK},
		{"GET /consents", nil, http.StatusOK},
		{"DELETE /consents/partner", nil, http.StatusNoContent},
		{"POST /export", w.proofBy(testApp, "ada"), http.StatusOK},
		{"POST /links/remove", w.proofBy(testApp, "ada").with("platform", "wechat", "appid", otherApp),
			http.StatusNoContent},
		{"PUT /password", w.proofBy(testApp, "ada").with("username", "ada", "password", newPassword),
			http.StatusNoContent},
		{"POST /deletion", form{"current_password": newPassword}, http.StatusOK},
	} {
		token := a.text("access_token")
		if c.call == "POST /users" {
			token = ""
		}
		require.Equal(t, c.status, w.account(c.call, token, c.body).status, c.call)
		made = append(made, strings.ToUpper(described().operation(c.call)[2])+" "+described().operation(c.call)[1])
		if c.call == "PUT /password" { // this ended the session
			a = w.token(ownPassword("ada", newPassword))
			requireTokens(t, a)
		}
	}
	slices.Sort(made)
	require.Equal(t, described().calls(), made)
}

// openAPI is a schema of the part of OpenAPI 3.1 that our document uses: it allows no unknown members and requires
// all required ones. Schemas are validated by JSON Schema 2020-12, which is their dialect.
const openAPI = `{
	"$ref": "#/$defs/document",
	"$defs": {
		"text": {"type": "string", "minLength": 1},
		"reference": {"type": "object", "required": ["$ref"], "properties": {"$ref": {"type": "string",
			"pattern": "^#/components/"}}, "additionalProperties": false},
		"schema": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
		"security": {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "array",
			"items": {"type": "string"}}}},
		"content": {"type": "object", "minProperties": 1, "additionalProperties": {
			"type": "object", "required": ["schema"], "properties": {"schema": {"$ref": "#/$defs/schema"}},
				"additionalProperties": false}},
		"header": {"type": "object", "required": ["schema"], "additionalProperties": false, "properties": {
			"description": {"$ref": "#/$defs/text"}, "required": {"type": "boolean"},
				"schema": {"$ref": "#/$defs/schema"}}},
		"response": {"type": "object", "required": ["description"], "additionalProperties": false, "properties": {
			"description": {"$ref": "#/$defs/text"}, "content": {"$ref": "#/$defs/content"},
			"headers": {"type": "object", "additionalProperties": {"$ref": "#/$defs/header"}}}},
		"operation": {"type": "object", "required": ["operationId", "summary", "responses"],
			"additionalProperties": false, "properties": {
			"operationId": {"$ref": "#/$defs/text"}, "summary": {"$ref": "#/$defs/text"},
				"description": {"$ref": "#/$defs/text"},
			"security": {"$ref": "#/$defs/security"},
			"parameters": {"type": "array", "items": {"type": "object", "required": ["name", "in", "required",
				"schema"], "additionalProperties": false, "properties": {
				"name": {"$ref": "#/$defs/text"}, "in": {"const": "path"}, "required": {"const": true},
					"schema": {"$ref": "#/$defs/schema"}}}},
			"requestBody": {"type": "object", "required": ["content"], "additionalProperties": false,
				"properties": {
				"required": {"const": true}, "content": {"$ref": "#/$defs/content"}}},
			"responses": {"type": "object", "minProperties": 1, "additionalProperties": false,
				"patternProperties": {
				"^[1-5][0-9][0-9]$": {"if": {"required": ["$ref"]}, "then": {"$ref": "#/$defs/reference"},
					"else": {"$ref": "#/$defs/response"}}}}}},
		"document": {"type": "object", "required": ["openapi", "info", "paths"], "additionalProperties": false,
			"properties": {
			"openapi": {"type": "string", "pattern": "^3\\.1\\.[0-9]+$"},
			"info": {"type": "object", "required": ["title", "version"], "additionalProperties": false,
				"properties": {
				"title": {"$ref": "#/$defs/text"}, "version": {"$ref": "#/$defs/text"},
					"description": {"$ref": "#/$defs/text"},
				"license": {"type": "object", "required": ["name"], "additionalProperties": false, "properties": {
					"name": {"$ref": "#/$defs/text"}, "identifier": {"$ref": "#/$defs/text"}}}}},
			"servers": {"type": "array", "items": {"type": "object", "required": ["url"],
				"additionalProperties": false, "properties": {"url": {"type": "string"}}}},
			"security": {"$ref": "#/$defs/security"},
			"paths": {"type": "object", "additionalProperties": false, "patternProperties": {"^/": {
				"type": "object", "additionalProperties": false,
					"patternProperties": {"^(get|put|post|delete)$": {"$ref": "#/$defs/operation"}}}}},
			"components": {"type": "object", "additionalProperties": false, "properties": {
				"schemas": {"type": "object", "additionalProperties": {"$ref": "#/$defs/schema"}},
				"responses": {"type": "object", "additionalProperties": {"$ref": "#/$defs/response"}},
				"securitySchemes": {"type": "object", "additionalProperties": {"type": "object",
					"required": ["type", "scheme"], "additionalProperties": false, "properties": {
					"type": {"const": "http"}, "scheme": {"enum": ["bearer", "basic"]},
						"bearerFormat": {"$ref": "#/$defs/text"}, "description": {"$ref": "#/$defs/text"}}}}}}}}
	}
}`

// TestTheDescriptionIsValidOpenAPI, every reference resolves, names are unique, and every component is used.
func TestTheDescriptionIsValidOpenAPI(t *testing.T) {
	t.Parallel()
	d := described()
	schema, err := jsonschema.UnmarshalJSON(strings.NewReader(openAPI))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("rules.json", schema))
	rules, err := compiler.Compile("rules.json")
	require.NoError(t, err)
	require.NoError(t, rules.Validate(d.document))

	used := map[string]bool{}
	text, err := os.ReadFile("account_openapi.json")
	require.NoError(t, err)
	for _, found := range regexp.MustCompile(`"\$ref": "#/([^"]+)"`).FindAllSubmatch(text, -1) {
		target, _ := d.follow(strings.Split(string(found[1]), "/")...)
		require.NotNil(t, target, "%s", found[1])
		used[string(found[1])] = true
	}
	for _, kind := range []string{"schemas", "responses"} {
		for name := range members(members(d.document["components"])[kind]) {
			require.True(t, used["components/"+kind+"/"+name], "%s is unused", name)
			if kind == "schemas" {
				require.NotContains(t, d.validate("x", "components", kind, name).Error(), "failed to compile")
			}
		}
	}
	ids := map[any]bool{}
	for _, call := range d.calls() {
		operation, place := d.follow(d.operation(call)...)
		require.False(t, ids[operation["operationId"]], call)
		ids[operation["operationId"]] = true
		require.Equal(t, strings.Contains(place[1], "{id}"), operation["parameters"] != nil, call)
		for _, status := range []string{"400", "401", "500", "503"} {
			require.NotNil(t, members(operation["responses"])[status], "%s does not describe %s", call, status)
		}
		security, _ := operation["security"].([]any)
		for _, scheme := range security {
			for name := range members(scheme) {
				require.Contains(t, members(d.document["components"])["securitySchemes"], name)
			}
		}
	}
}
