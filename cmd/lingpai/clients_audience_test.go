package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func TestSetLegacyAudience(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID)
	o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--app", appID, "--audience", audience)
	day := time.Now().AddDate(0, 1, 0).UTC()
	require.Contains(t, o.ok("clients", "set-legacy-audience", "shop", day.Format(time.DateOnly)),
		"legacy audience of shop")
	end := day.Truncate(24*time.Hour).AddDate(0, 0, 1)
	require.Contains(t, o.ok("clients", "show", "shop"), `"legacy_audience_until": "`+end.Format(time.RFC3339)+`"`)
	require.Contains(t, o.ok("clients", "set-legacy-audience", "shop", "off", "--output", "json"),
		`"legacy_audience": "off"`)
	require.NotContains(t, o.ok("clients", "show", "shop"), "legacy_audience_until")
	events := o.listed("events", "list", "--kind", identity.EventLegacyAudience, "--output", "json")
	require.Len(t, events, 2)
	require.Equal(t, "off", events[0]["detail"])

	for _, day := range []string{"2020-01-01", time.Now().AddDate(2, 0, 0).Format(time.DateOnly)} {
		require.Contains(t, o.refused("clients", "set-legacy-audience", "shop", day), "DATE: must be in the future")
	}
	require.Contains(t, o.refused("clients", "set-legacy-audience", "shop", "soon"), "neither off nor a day")
	require.Contains(t, o.refused("clients", "set-legacy-audience", "nobody", "off"), `there is no client "nobody"`)
	require.Len(t, o.listed("events", "list", "--kind", identity.EventLegacyAudience, "--output", "json"), 2)
}

// TestAudiencesOfClients: a site that only signs people in needs no API, and an API says which audiences it is.
func TestAudiencesOfClients(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.ok("clients", "create", "site", "--first-party", "--grant", "password")
	o.ok("clients", "create", "orders", "--grant", "client_credentials", "--is-audience", audience, "--is-audience",
		"urn:example:orders")
	var client struct {
		Audience   []string `json:"audience"`
		IsAudience []string `json:"is_audience"`
	}
	require.NoError(t, json.Unmarshal([]byte(o.ok("clients", "show", "orders")), &client))
	require.Empty(t, client.Audience)
	require.Equal(t, []string{audience, "urn:example:orders"}, client.IsAudience)
	require.Contains(t, o.refused("clients", "create", "page", "--public", "--first-party", "--grant", "password",
		"--is-audience", audience), "--is-audience: is not for a public client")
	require.Contains(t, o.refused("clients", "create", "odd", "--grant", "client_credentials", "--is-audience", "a b"),
		`--is-audience: "a b" is empty or contains spaces`)
}

// TestDoctorNamesClientsThatMixAudiences: their tokens are for an API and for the server at once, or seem to be.
func TestDoctorNamesClientsThatMixAudiences(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	_, issuer, _ := strings.Cut(loopbackIssuer, "=")
	for id, audiences := range map[string][]string{"old": {audience}, "both": {audience, issuer}, "api": {audience},
		"account": {issuer}, "site": nil} {
		arguments := []string{"clients", "create", id, "--first-party", "--grant", "password"}
		for _, one := range audiences {
			arguments = append(arguments, "--audience", one)
		}
		o.ok(arguments...)
	}
	o.ok("clients", "set-legacy-audience", "old", time.Now().AddDate(0, 1, 0).Format(time.DateOnly))
	findings := o.examined()
	requireFinding(t, findings, "clients", statusWarning, "old: until ", "lingpai clients set-legacy-audience old off")
	requireFinding(t, findings, "clients", statusWarning, "both: its audiences are APIs and this server",
		"resource="+issuer)
	for _, f := range findings {
		require.NotRegexp(t, "^(api|account|site): ", f.Found)
	}
}
