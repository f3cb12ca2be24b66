package identity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequestedClaims(t *testing.T) {
	t.Parallel()
	for text, claims := range map[string]RequestedClaims{
		"":                            {},
		"email:i":                     {IDToken: []string{"email"}},
		"email:u":                     {UserInfo: []string{"email"}},
		"address:iu email:i name:u":   {IDToken: []string{"address", "email"}, UserInfo: []string{"address", "name"}},
		"phone_number:u updated_at:i": {IDToken: []string{"updated_at"}, UserInfo: []string{"phone_number"}},
	} {
		require.Equal(t, text, claims.String())
		require.Equal(t, claims, ParseRequestedClaims(text), text)
	}
}
