package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server/settings"
)

const fallenBack = "go, since openssl 3.0.22 failed: it made a signature that does not verify"

// TestReadinessNotesThatGoSignsInstead, and stays ready, since requests are answered.
func TestReadinessNotesThatGoSignsInstead(t *testing.T) {
	require.Equal(t, provider.ReadyCheck{Name: "signatures", OK: true, Note: fallenBack},
		signatures(settings.Settings{}, readAgo(0)))
}

// readAgo are keys that were last read that long ago.
type readAgo time.Duration

func (readAgo) Backend() string      { return fallenBack }
func (a readAgo) Age() time.Duration { return time.Duration(a) }

// TestReadinessEndsWhenTheKeysCannotBeRead, for example by a server that lacks a new master key: others sign with
// keys that it does not know, and it may still use a revoked one.
func TestReadinessEndsWhenTheKeysCannotBeRead(t *testing.T) {
	for announce, limit := range map[time.Duration]time.Duration{24 * time.Hour: 5 * time.Minute,
		2 * time.Minute: time.Minute, 5 * time.Second: 30 * time.Second} {
		c := settings.Settings{KeyAnnounce: announce}
		require.True(t, signatures(c, readAgo(limit)).OK, announce)
		late := signatures(c, readAgo(limit+time.Second))
		require.False(t, late.OK, announce)
		require.Contains(t, late.Note, "the keys could not be read for "+(limit+time.Second).String())
	}
}

// nothingSigns are keys without a signer: the active one was revoked, and no other can be opened.
type nothingSigns struct{ readAgo }

func (nothingSigns) Backend() string { return "" }

func TestReadinessEndsWhenNothingSigns(t *testing.T) {
	check := signatures(settings.Settings{KeyAnnounce: time.Hour}, nothingSigns{})
	require.False(t, check.OK)
	require.Contains(t, check.Note, "the key in use was revoked")
}
