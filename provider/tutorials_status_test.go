package provider

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// TestNoErrorHasStatus200: the status alone tells that a request failed, and whether the client or the server caused
// it.
func TestNoErrorHasStatus200(t *testing.T) {
	for _, code := range oauth.Codes() {
		require.GreaterOrEqual(t, code.Status(), http.StatusBadRequest, code)
		require.NotEmpty(t, http.StatusText(code.Status()), code)
		require.Equal(t, code, asError(oauth.NewError(code, "")).Code)
	}
	unknown := asError(errors.New("a raw error that nobody may see"))
	require.Equal(t, http.StatusInternalServerError, unknown.Code.Status())
	require.NotContains(t, unknown.Code.Error()+unknown.Description, "raw")
}
