package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/redis"
)

// appToken requests the access token of the fleet's app from a replica, as a back end does. It may be called from any
// goroutine.
func (r *replica) appToken(secret string) (string, error) {
	own, err := r.token("", "client_id", "back-end", "client_secret", secret, "grant_type", "client_credentials",
		"scope", "wechat.app_token")
	if err != nil {
		return "", err
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+r.addr+"/wechat/app_token",
		strings.NewReader("appid="+appID))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "Bearer "+own.members.AccessToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var given answered
	err = json.NewDecoder(response.Body).Decode(&given.members)
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%d %s %w", response.StatusCode, given.members.Error, err)
	}
	return given.members.AccessToken, err
}

// TestReplicasShareAppTokens: WeChat is called once for all replicas, Redis does not see the token, and tokens are
// available without Redis.
func TestReplicasShareAppTokens(t *testing.T) {
	t.Parallel()
	f, _, server := onOwnServers(t)
	secret := secretIn(t, f.ok("clients", "create", "back-end", "--grant", "client_credentials", "--app", appID,
		"--audience", audience, "--scope", "wechat.app_token"))
	given, errs := make([]string, 10), make([]error, 10)
	var asking sync.WaitGroup
	for n := range given {
		asking.Go(func() { given[n], errs[n] = f.replicas[n%2].appToken(secret) })
	}
	asking.Wait()
	require.NoError(t, errors.Join(errs...))
	for _, token := range given {
		require.Equal(t, given[0], token)
	}
	require.NotEmpty(t, given[0])
	require.Equal(t, 1, f.simulator.Requests().Paths["/cgi-bin/stable_token"])

	store, err := redis.Open(redis.Options{URL: server.URL(), KeyPrefix: "lingpai:"})
	require.NoError(t, err)
	defer store.Close()
	sealed, err := store.Get(context.Background(), "wechat/app_token/"+appID)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), given[0])

	server.Kill()
	f.replicas[1].kill()
	require.NoError(t, f.replicas[1].start())
	for _, r := range f.replicas {
		token, err := r.appToken(secret)
		require.NoError(t, err)
		require.Equal(t, given[0], token, "WeChat gives all the same")
	}
}
