package dev

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOrigins are as browsers write them: in other spellings, the host of a request would never match.
func TestOrigins(t *testing.T) {
	t.Parallel()
	for issuer, origin := range map[string]string{
		"http://127.0.0.1:8080/id": "http://127.0.0.1:8080", "http://LocalHost:80": "http://localhost",
		"https://[::1]:443": "https://[::1]", "https://localhost:80": "https://localhost:80",
	} {
		require.Equal(t, origin, originOf(issuer).String())
	}
}
