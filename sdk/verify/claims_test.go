package verify

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestClaimsAreTyped(t *testing.T) {
	w := newEnv(t)
	now := w.clock.now()
	for range 2 { // checked, and remembered
		claims, err := w.verifier.Verify(context.Background(), w.token(nil))
		if err != nil {
			t.Fatal(err)
		}
		requireEqual(t, Claims{
			Issuer: w.issuer.URL, Subject: "u_1", Audience: []string{testAudience}, ClientID: "app",
			Scope: "orders.read roles", ID: "t_1",
			Session: "s_1", IssuedAt: time.Unix(now.Unix(), 0), Expires: time.Unix(now.Unix()+3600, 0),
			AuthTime: time.Unix(now.Unix()-60, 0),
			Methods:  []string{"wechat"}, ACR: "urn:example:wechat", Roles: []string{"editor"},
			Ext:    json.RawMessage(`{"tenant":7}`),
			Wechat: Wechat{"wx1", "o1", "n1"},
		}, claims)
		requireEqual(t, true, claims.IsUser())
		requireEqual(t, []string{"orders.read", "roles"}, claims.Scopes())
		requireEqual(t, []bool{true, false, false, false}, []bool{
			claims.HasScope("roles"), claims.HasScope("orders"), claims.HasScope(""),
			claims.HasScope("orders.read roles"),
		})
		requireEqual(t, []bool{true, false}, []bool{claims.HasRole("editor"), claims.HasRole("Editor")})
	}
}

// TestActors of a token that two clients have exchanged.
func TestActors(t *testing.T) {
	w := newEnv(t)
	token := w.token(map[string]any{"act": map[string]any{"sub": "app", "act": map[string]any{"sub": "orders"}}})
	for range 2 { // checked, and remembered
		claims, err := w.verifier.Verify(context.Background(), token)
		if err != nil {
			t.Fatal(err)
		}
		requireEqual(t, []string{"app", "orders"}, claims.Actors)
		claims.Actors[0] = "x"
	}
}

func TestAClientIsNotAUser(t *testing.T) {
	w := newEnv(t)
	claims, err := w.verifier.Verify(context.Background(), w.token(map[string]any{
		"sub": "app", "scope": nil, "sid": nil, "auth_time": nil, "amr": nil, "acr": nil, "roles": nil,
		"ext": nil, "wechat": nil,
	}))
	if err != nil {
		t.Fatal(err)
	}
	requireEqual(t, false, claims.IsUser())
	requireEqual(t, Wechat{}, claims.Wechat)
	requireEqual(t, "", claims.ACR)
	requireEqual(t, true, claims.AuthTime.IsZero())
	requireEqual(t, 0, len(claims.Scopes()))
}

// TestClaimsAreTheCallers: changes by one caller do not affect another.
func TestClaimsAreTheCallers(t *testing.T) {
	w := newEnv(t)
	token := w.token(nil)
	for range 3 {
		claims, err := w.verifier.Verify(context.Background(), token)
		if err != nil {
			t.Fatal(err)
		}
		requireEqual(t, []string{"editor"}, claims.Roles)
		requireEqual(t, []string{testAudience}, claims.Audience)
		requireEqual(t, `{"tenant":7}`, string(claims.Ext))
		claims.Roles[0], claims.Audience[0], claims.Methods[0], claims.Ext[2] = "admin", "x", "x", 'x'
	}
}

func TestClaimsAreChecked(t *testing.T) {
	w := newEnv(t)
	now := w.clock.now().Unix()
	for name, attack := range map[string]struct {
		changes map[string]any
		why     reason
	}{
		"another issuer":                {map[string]any{"iss": "https://attacker.example"}, badIssuer},
		"the issuer with a slash":       {map[string]any{"iss": w.issuer.URL + "/"}, badIssuer},
		"the issuer in capitals":        {map[string]any{"iss": strings.ToUpper(w.issuer.URL)}, badIssuer},
		"no issuer":                     {map[string]any{"iss": nil}, missingClaim},
		"issuers":                       {map[string]any{"iss": []string{w.issuer.URL}}, badClaims},
		"another audience":              {map[string]any{"aud": "https://other.example.com"}, badAudience},
		"the issuer as the audience":    {map[string]any{"aud": w.issuer.URL}, badAudience},
		"other audiences":               {map[string]any{"aud": []string{"a", "b"}}, badAudience},
		"an audience that begins so":    {map[string]any{"aud": testAudience + "/v2"}, badAudience},
		"audiences in one string":       {map[string]any{"aud": testAudience + " b"}, badAudience},
		"no audience":                   {map[string]any{"aud": nil}, missingClaim},
		"an empty list of audiences":    {map[string]any{"aud": []string{}}, missingClaim},
		"an audience that is an object": {map[string]any{"aud": map[string]any{testAudience: 1}}, badClaims},
		"audiences that are numbers":    {map[string]any{"aud": []any{1}}, badClaims},
		"expired":                       {map[string]any{"exp": now - 11}, expired},
		"expired beyond the leeway":     {map[string]any{"exp": now - 10}, expired},
		"no expiry":                     {map[string]any{"exp": nil}, missingClaim},
		"expiry zero":                   {map[string]any{"exp": 0}, missingClaim},
		"expiry negative":               {map[string]any{"exp": -1}, badClaims},
		"expiry beyond all years":       {map[string]any{"exp": int64(1) << 62}, badClaims},
		"expiry in a string":            {map[string]any{"exp": "4102444800"}, badClaims},
		"expiry with a fraction":        {map[string]any{"exp": 4102444800.5}, badClaims},
		"issued in the future":          {map[string]any{"iat": now + 11}, tooEarly},
		"not issued":                    {map[string]any{"iat": nil}, missingClaim},
		"not yet":                       {map[string]any{"nbf": now + 11}, tooEarly},
		"no subject":                    {map[string]any{"sub": nil}, missingClaim},
		"a subject that is a number":    {map[string]any{"sub": 1}, badClaims},
		"no client":                     {map[string]any{"client_id": nil}, missingClaim},
		"no id":                         {map[string]any{"jti": ""}, missingClaim},
		"scopes in a list":              {map[string]any{"scope": []string{"a"}}, badClaims},
		"roles in a string":             {map[string]any{"roles": "admin"}, badClaims},
		"ext in a string":               {map[string]any{"ext": "{}"}, badClaims},
		"ext in a list":                 {map[string]any{"ext": []int{1}}, badClaims},
		"wechat in a string":            {map[string]any{"wechat": "wx1"}, badClaims},
		"an actor in a string":          {map[string]any{"act": "app"}, badClaims},
		"an actor without a subject":    {map[string]any{"act": map[string]any{}}, badClaims},
		"a list of actors":              {map[string]any{"act": []any{map[string]any{"sub": "app"}}}, badClaims},
		"an actor before that is null": {map[string]any{"act": map[string]any{"sub": "app",
			"act": json.RawMessage("null")}}, badClaims},
		"null": {map[string]any{"sid": json.RawMessage("null")}, badClaims},
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, w, w.token(attack.changes), attack.why) })
	}
	for name, changes := range map[string]map[string]any{
		"an audience among others":    {"aud": []string{"b", testAudience}},
		"expired within the leeway":   {"exp": now - 9},
		"issued within the leeway":    {"iat": now + 10},
		"not before, but within":      {"nbf": now + 10},
		"an unknown claim":            {"x": []any{map[string]any{"y": 1}}},
		"a claim in another spelling": {"SUB": "u_2", "Aud": "x", "EXP": 1},
	} {
		t.Run(name, func(t *testing.T) {
			requireGood(t, w, w.token(changes))
			claims, _ := w.verifier.Verify(context.Background(), w.token(changes))
			requireEqual(t, "u_1", claims.Subject)
		})
	}
}

func TestPayloadsAreReadStrictly(t *testing.T) {
	w := newEnv(t)
	good := w.claims(nil)
	with := func(member string) string { return strings.TrimSuffix(good, "}") + "," + member + "}" }
	for name, payload := range map[string]string{
		"aud twice":               with(`"aud":"https://api.example.com"`),
		"sub twice, once escaped": with(`"\u0073ub":"u_2"`),
		"wechat has openid twice": strings.Replace(good, `"openid":"o1"`, `"openid":"o1","openid":"o2"`, 1),
		"ext has a name twice":    strings.Replace(good, `"tenant":7`, `"tenant":7,"tenant":8`, 1),
		"null":                    "null",
		"a list":                  "[]",
		"a string":                `"{}"`,
		"nothing":                 "",
		"two objects":             good + good,
		"not UTF-8":               with(`"x":"` + "\xff" + `"`),
		"a byte order mark":       "\ufeff" + good,
		"nested deeply":           with(`"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000)),
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, w, sign(headerOf("first", ""), payload, firstRSA()),
				badClaims)
		})
	}
}

// TestAnIDTokenIsNotAnAccessToken, even if the same key signed it for a client with the id of this API.
func TestAnIDTokenIsNotAnAccessToken(t *testing.T) {
	w := newEnv(t)
	requireRefused(t, w, sign(`{"alg":"RS256","kid":"first","typ":"JWT"}`, w.claims(nil), firstRSA()), badType)
}
