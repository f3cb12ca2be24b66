package userimport

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
)

// halfway imports the first users of a batch and then fails.
type halfway struct {
	identity.Imports
	imported int
}

func (h halfway) Import(_ context.Context, users []identity.ImportedUser) ([]identity.ImportResult, error) {
	results := make([]identity.ImportResult, h.imported)
	for n := range results {
		results[n] = identity.ImportResult{Outcome: identity.Imported, UserID: users[n].ID}
	}
	return results, errors.New("the database is gone")
}

type noApps struct{ identity.Apps }

func (noApps) List(context.Context) ([]identity.App, error) { return nil, nil }

// TestAStoppedImportNamesTheLastLineThatWasImported, also within a batch.
func TestAStoppedImportNamesTheLastLineThatWasImported(t *testing.T) {
	var shown bytes.Buffer
	run, err := Open(t.Context(), Config{Path: "-", Format: "csv", Stderr: &shown,
		Stdin:   bytes.NewBufferString("sub\na\nb\n\"c c\x00\"\nd\ne\n"),
		Imports: admin.NewImports(halfway{imported: 3}, noApps{})})
	require.NoError(t, err)
	_, err = run.All(t.Context())
	require.ErrorContains(t, err, "stopped after line 5: the database is gone")
	require.NoError(t, run.Close())
}
