package grants

import (
	"context"

	"github.com/lingpai/lingpai/tokens"
)

// Revocations returns the signed list of sessions that ended before their access tokens expired, and its
// ETag: see tokens.Revocations.
func (m *Manager) Revocations(ctx context.Context) (list []byte, etag string, err error) {
	if list, etag, err = m.revocations.List(ctx); err != nil {
		return nil, "", tokens.Failed(err)
	}
	return list, etag, nil
}
