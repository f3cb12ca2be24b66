package gateways_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// apiAnswer is the answer of an API or a gateway.
type apiAnswer struct {
	status    int
	challenge string
	body      string
	members   map[string]any
}

// ask sends a request with a bearer token, or without if it is empty.
func ask(t *testing.T, method, address, token string, header http.Header, body io.Reader) apiAnswer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, body)
	require.NoError(t, err)
	for name := range header { // set directly, to keep the spelling
		request.Header[name] = header[name]
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	a := apiAnswer{status: response.StatusCode, challenge: response.Header.Get("WWW-Authenticate"), body: string(text)}
	_ = json.Unmarshal(text, &a.members) // not every error is JSON
	return a
}

func get(t *testing.T, address, token string) apiAnswer {
	t.Helper()
	return ask(t, http.MethodGet, address, token, nil, nil)
}
