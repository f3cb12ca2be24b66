package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/password"
)

// countedHashes counts how often the kinds of hashes are counted, and fails at the second time.
type countedHashes struct {
	identity.Users
	times atomic.Int32
}

func (c *countedHashes) HashParameters(context.Context) (map[string]int, error) {
	if c.times.Add(1) == 2 {
		return nil, errors.New("the disk is full")
	}
	return map[string]int{"$2b$04$": 1}, nil
}

func TestHashesAreCountedAtTheStartAndEveryHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		users, hasher := &countedHashes{}, password.New(password.Options{})
		go followHashes(t.Context(), users, hasher, slog.New(slog.NewTextHandler(&log, nil)))
		synctest.Wait()
		require.EqualValues(t, 1, users.times.Load())
		time.Sleep(2*hashInterval + time.Minute)
		synctest.Wait()
		require.EqualValues(t, 3, users.times.Load())
		require.Contains(t, log.String(), "the disk is full")
	})
}
