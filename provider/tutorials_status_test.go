package provider

import (
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/grants"
)

// TestNoErrorIsToldWithStatus200: whoever looks at the status alone knows that it went wrong, and whose fault it is.
func TestNoErrorIsToldWithStatus200(t *testing.T) {
	for name, status := range statuses() {
		require.GreaterOrEqual(t, status, http.StatusBadRequest, name)
		require.NotEmpty(t, http.StatusText(status), name)
		_, classified := classify(&grants.Error{Name: name})
		require.Equal(t, status, classified, name)
	}
	refusal, status := classify(errors.New("a raw error that nobody may see"))
	require.Equal(t, http.StatusInternalServerError, status)
	require.NotContains(t, refusal.Name.Error()+refusal.Description, "raw")
}
