package main

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

var toWechat = regexp.MustCompile(`http-equiv="refresh" content="0;url=(weixin://[^"]*)"`)

// TestReplicasShareTheLinksOfCodes: a browser gets the same link at either, since WeChat counts those that it makes.
func TestReplicasShareTheLinksOfCodes(t *testing.T) {
	t.Parallel()
	f := onSharedServers(t, "LINGPAI_BROWSER_SCAN=true", "LINGPAI_BROWSER_SCAN_LINK_APP="+appID)
	require.NoError(t, f.simulator.AddApp(wechattest.App{AppID: appID, Secret: simSecret,
		Pages: []string{"pages/scan/scan"}}))
	f.ok("clients", "create", "site", "--public", "--first-party", "--grant", "authorization_code", "--scope", "openid",
		"--redirect-uri", callback)
	v := newVisit(t, "alice")
	send := func(r *replica, path string, form url.Values) shown {
		t.Helper()
		answer, err := v.send(r, question{path, form, http.Header{"User-Agent": {"An iPhone"}}})
		require.NoError(t, err)
		return answer
	}
	page := send(f.replicas[0], "/sign-in/scan?to=authorize&"+requesting("site").Encode(), nil).header.Get("Location")
	links := map[string]bool{}
	for n := range 4 {
		answer := send(f.replicas[n%2], page, url.Values{"open": {"scheme"}})
		found := toWechat.FindStringSubmatch(answer.body)
		require.NotNil(t, found, answer.body)
		links[found[1]] = true
	}
	require.Len(t, links, 1)
	require.Equal(t, 1, f.simulator.Requests().Paths["/wxa/generatescheme"])
}
