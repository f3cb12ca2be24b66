package tokens

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const (
	testIssuer = "https://login.example.com"
	ordersAPI  = "https://orders.example.com"
	stockAPI   = "https://stock.example.com/v1"
	scopes     = "openid profile phone email offline_access orders roles account wechat.data"
)

var (
	onlyOrders = []string{ordersAPI}
	onlyStock  = []string{stockAPI}
	onlyIssuer = []string{testIssuer}
)

// kinds are clients by what they may have tokens for.
func kinds() map[string]identity.Client {
	return map[string]identity.Client{
		"one API":     {Audience: onlyOrders, FirstParty: true},
		"two APIs":    {Audience: []string{ordersAPI, stockAPI}, FirstParty: true},
		"no API":      {},
		"third party": {Audience: onlyOrders},
		"mixed":       {Audience: []string{testIssuer, ordersAPI}, FirstParty: true},
		"issuer":      {Audience: onlyIssuer},

		"mixed, third party": {Audience: []string{testIssuer, ordersAPI}},
	}
}

func TestTargets(t *testing.T) {
	const (
		forAPIs   = "openid profile email offline_access orders roles"
		forNamed  = "offline_access orders roles"
		forIssuer = "openid phone account wechat.data"
	)
	issuer := newIssuer(t)
	for name, test := range map[string]struct {
		client    string
		granted   string // "": scopes
		scope     string
		resource  string
		resources []string
		audience  []string
		want      string
	}{
		"nothing named":              {client: "one API", audience: onlyOrders, want: forAPIs},
		"nothing named, two APIs":    {client: "two APIs", audience: []string{ordersAPI, stockAPI}, want: forAPIs},
		"nothing named, no API":      {client: "no API", audience: onlyIssuer, want: scopes},
		"nothing named, third party": {client: "third party", audience: onlyOrders, want: forAPIs},
		"nothing named, mixed":       {client: "mixed", audience: onlyOrders, want: forAPIs},
		"nothing named, issuer":      {client: "issuer", audience: onlyIssuer, want: scopes},
		"no scope at all": {client: "one API", granted: "offline_access", audience: onlyOrders,
			want: "offline_access"},

		"the issuer":         {client: "one API", resource: testIssuer, audience: onlyIssuer, want: forIssuer},
		"the issuer, no API": {client: "no API", resource: testIssuer, audience: onlyIssuer, want: forIssuer},
		"the issuer, third party with phone": {client: "third party", granted: "openid phone", resource: testIssuer,
			audience: onlyIssuer, want: "openid phone"},
		"the issuer, only openid": {client: "one API", granted: "openid profile", resource: testIssuer,
			audience: onlyIssuer, want: "openid"},
		"the issuer, in the record of a third party": {client: "mixed, third party", granted: "openid orders",
			resource: testIssuer, audience: onlyIssuer, want: "openid"},
		"the issuer, a part": {client: "one API", scope: "openid account orders", resource: testIssuer,
			audience: onlyIssuer, want: "openid account"},

		"one of one":  {client: "one API", resource: ordersAPI, audience: onlyOrders, want: forNamed},
		"one of two":  {client: "two APIs", resource: stockAPI, audience: onlyStock, want: forNamed},
		"mixed":       {client: "mixed", resource: ordersAPI, audience: onlyOrders, want: forNamed},
		"third party": {client: "third party", resource: ordersAPI, audience: onlyOrders, want: forNamed},
		"one, with an ID token": {client: "one API", scope: "openid", resource: ordersAPI,
			audience: onlyOrders},

		"account alone": {client: "one API", scope: "account", audience: onlyIssuer, want: "account"},
		"several that only the issuer serves": {client: "two APIs", scope: "wechat.data phone offline_access",
			audience: onlyIssuer, want: "wechat.data phone"},
		"alone, third party": {client: "third party", scope: "phone", audience: onlyIssuer, want: "phone"},
		"alone, granted":     {client: "one API", granted: "account", audience: onlyIssuer, want: "account"},
		"not alone":          {client: "one API", scope: "openid account", audience: onlyOrders, want: "openid"},

		"the sign-in named an API": {client: "two APIs", resources: onlyStock, audience: onlyStock, want: forNamed},
		"the sign-in named an API, the same": {client: "two APIs", resources: onlyStock, resource: stockAPI,
			audience: onlyStock, want: forNamed},
		"the sign-in named the issuer": {client: "one API", resources: onlyIssuer, audience: onlyIssuer,
			want: forIssuer},
		"the sign-in named both": {client: "one API", resources: []string{testIssuer, ordersAPI},
			audience: onlyOrders, want: forNamed},
		"the sign-in named both, one of them": {client: "one API", resources: []string{testIssuer, ordersAPI},
			resource: testIssuer, audience: onlyIssuer, want: forIssuer},
	} {
		granted := test.granted
		if granted == "" {
			granted = scopes
		}
		target, err := issuer.Target(TargetRequest{Client: kinds()[test.client], Granted: granted, Scope: test.scope,
			Resources: test.resources, Resource: test.resource})
		require.NoError(t, err, name)
		require.Equal(t, Target{test.audience, test.want}, target, name)
	}
}

func TestRefusedTargets(t *testing.T) {
	long := "https://orders.example.com/" + strings.Repeat("a", 4096)
	issuer := newIssuer(t)
	for name, test := range map[string]struct {
		client    string
		granted   string // "": scopes
		scope     string
		resource  string
		resources []string
		want      error
	}{
		"relative":          {client: "one API", resource: "/orders", want: errResource},
		"a name":            {client: "one API", resource: "orders", want: errResource},
		"with a fragment":   {client: "one API", resource: ordersAPI + "#x", want: errResource},
		"an empty fragment": {client: "one API", resource: ordersAPI + "#", want: errResource},
		"a scheme":          {client: "one API", resource: "https:", want: errResource},
		"not a URI":         {client: "one API", resource: "https://orders.example.com/%", want: errResource},
		"two in one":        {client: "two APIs", resource: ordersAPI + " " + stockAPI, want: errResource},
		"4 KiB":             {client: "one API", resource: long, want: errResource},
		"foreign":           {client: "one API", resource: stockAPI, want: errNotGranted},
		"another spelling":  {client: "one API", resource: ordersAPI + "/", want: errNotGranted},
		"in capitals":       {client: "one API", resource: "https://ORDERS.example.com", want: errNotGranted},
		"below the issuer":  {client: "one API", resource: testIssuer + "/account/v1", want: errNotGranted},
		"the issuer, not ours": {client: "third party", granted: "openid orders", resource: testIssuer,
			want: errNotGranted},
		"an API, no API":        {client: "no API", resource: ordersAPI, want: errNotGranted},
		"not named before":      {client: "two APIs", resources: onlyOrders, resource: stockAPI, want: errNotGranted},
		"the issuer not before": {client: "one API", resources: onlyOrders, resource: testIssuer, want: errNotGranted},
		"alone, not before":     {client: "one API", resources: onlyOrders, scope: "account", want: errNotGranted},
		"an API not before":     {client: "one API", resources: onlyIssuer, resource: ordersAPI, want: errNotGranted},
		"an API that is gone":   {client: "one API", resources: onlyStock, want: errNotGranted},
		"account for an API":    {client: "one API", scope: "account", resource: ordersAPI, want: errNotServed},
		"orders for the issuer": {client: "one API", scope: "orders profile", resource: testIssuer, want: errNotServed},
	} {
		granted := test.granted
		if granted == "" {
			granted = scopes
		}
		_, err := issuer.Target(TargetRequest{Client: kinds()[test.client], Granted: granted, Scope: test.scope,
			Resources: test.resources, Resource: test.resource})
		require.Equal(t, test.want, err, name)
	}
}

// TestNoTokenIsForAnAPIAndThisServer draws all combinations: an API must never have a token that this server accepts.
func TestNoTokenIsForAnAPIAndThisServer(t *testing.T) {
	issuer := newIssuer(t)
	targets := []string{"", testIssuer, ordersAPI, stockAPI}
	answered := 0
	for name, client := range kinds() {
		for _, resource := range targets {
			for _, resources := range [][]string{nil, {testIssuer}, {ordersAPI}, {stockAPI, testIssuer}} {
				for _, scope := range append(strings.Fields(scopes), "", scopes, "openid account", "account phone") {
					target, err := issuer.Target(TargetRequest{Client: client, Granted: scopes, Scope: scope,
						Resources: resources, Resource: resource})
					if err != nil {
						continue
					}
					answered++
					require.NotEmpty(t, target.Audience)
					if len(target.Audience) > 1 || target.Audience[0] != testIssuer {
						require.NotContains(t, target.Audience, testIssuer, name)
						for _, one := range strings.Fields(target.Scope) {
							require.False(t, oauth.ServedHere(one), "%s: %s for an API", name, one)
						}
					}
				}
			}
		}
	}
	require.Greater(t, answered, 300)
}

// TestLegacyAudience: one token for the APIs and this server, as old versions of a program need it. A request that
// names a resource is served by the new rule.
func TestLegacyAudience(t *testing.T) {
	issuer := newIssuer(t)
	request := TargetRequest{Client: kinds()["two APIs"], Granted: scopes, Legacy: true}
	target, err := issuer.Target(request)
	require.NoError(t, err)
	require.Equal(t, Target{Audience{ordersAPI, stockAPI, testIssuer}, scopes}, target)

	request.Scope = "openid orders"
	target, err = issuer.Target(request)
	require.NoError(t, err)
	require.Equal(t, Target{Audience{ordersAPI, stockAPI}, "openid orders"}, target, "without account no issuer")

	request.Scope, request.Resource = "", testIssuer
	target, err = issuer.Target(request)
	require.NoError(t, err)
	require.Equal(t, Audience{testIssuer}, target.Audience)

	request.Resource, request.Resources = "", onlyOrders
	target, err = issuer.Target(request)
	require.NoError(t, err)
	require.Equal(t, Audience{ordersAPI}, target.Audience)
}
