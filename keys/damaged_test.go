package keys

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestADamagedKeyThatIsNotInUseStopsNobody: servers start and stay up, name its row, and those that opened the key
// before still accept its tokens.
func TestADamagedKeyThatIsNotInUseStopsNobody(t *testing.T) {
	s := newServers(t)
	old := s.a.Current()
	token, err := old.Sign("JWT", []byte(`{}`))
	require.NoError(t, err)
	mac, _ := old.MAC(old.SecretID(), "p")
	s.pass(testPolicy().Signing.Announce)
	require.NoError(t, s.a.Rotate(t.Context(), Signing))
	require.NoError(t, s.a.Rotate(t.Context(), Refresh))
	idle := []string{old.KeyID()}
	for _, info := range Describe(s.store.records, s.store.now) {
		if info.State == Announced || info.State == Retired && info.Purpose == Refresh {
			idle = append(idle, info.ID)
		}
	}
	require.Len(t, idle, 4, "a retired and an announced one of each purpose")
	require.NoError(t, s.b.Reload(t.Context()))
	published := s.a.Current().publicIDs
	s.store.damage(idle...)
	for _, server := range []*Keeper{s.a, s.b} {
		require.NoError(t, server.Reload(t.Context()))
		require.Zero(t, server.Age(), "it stays ready")
		_, err = server.Current().Verify(token, "JWT")
		require.NoError(t, err)
		same, _ := server.Current().MAC(old.SecretID(), "p")
		require.Equal(t, mac, same)
		require.ElementsMatch(t, published, server.Current().publicIDs)
	}
	options := Options{Now: s.a.options.Now, Policy: testPolicy()}
	ring := newRing(t, entry("k1", 'a'))
	later, err := Open(t.Context(), s.store, ring, options)
	require.NoError(t, err)
	require.Equal(t, s.a.Current().KeyID(), later.Current().KeyID())
	require.Len(t, later.Damaged(), 4)
	for n, id := range idle {
		require.Contains(t, errorTexts(later.Damaged()), id+`" in this database, which is not in use, is damaged`, n)
		require.Contains(t, errorTexts(later.Damaged()), "lingpai keys revoke --now -- "+id)
	}
	_, err = Attach(s.store, ring, options).Rewrap(t.Context())
	require.ErrorIs(t, err, ErrSealBroken, "the old master key would seem to be needed no more")

	s.pass(testPolicy().Signing.Interval) // the announced keys are due, and stay where they are
	_, err = Open(t.Context(), s.store, ring, options)
	require.NoError(t, err)
	require.NoError(t, s.a.Reload(t.Context()))
	require.Equal(t, later.Current().KeyID(), s.a.Current().KeyID())
	for _, info := range Describe(s.store.records, s.store.now) {
		if info.State != Gone && slices.Contains(idle, info.ID) {
			require.NoError(t, Attach(s.store, ring, options).Revoke(t.Context(), info.ID))
		}
	}
	require.NoError(t, s.a.Reload(t.Context()))
	require.Empty(t, s.a.Damaged())
	_, err = s.a.Current().Verify(token, "JWT")
	require.ErrorIs(t, err, ErrBadToken, "its key is gone by now")
}

func errorTexts(errs []error) (all string) {
	for _, err := range errs {
		all += err.Error() + "\n"
	}
	return all
}

// TestEveryDamageOfAKeyThatIsNotInUseStopsNobody, whatever has become of its row.
func TestEveryDamageOfAKeyThatIsNotInUseStopsNobody(t *testing.T) {
	ring := newRing(t, entry("k1", 'a'), entry("k2", 'b'))
	for name, damage := range map[string]func(r Record) []byte{
		"the id of a master key that nobody has": func(r Record) []byte {
			return bytes.Replace(r.Sealed, []byte("k1"), []byte("k9"), 1)
		},
		"the id of another master key": func(r Record) []byte {
			return bytes.Replace(r.Sealed, []byte("k1"), []byte("k2"), 1)
		},
		"a shorter id": func(r Record) []byte {
			return append([]byte{r.Sealed[0], 1}, r.Sealed[2:]...)
		},
		"no envelope": func(Record) []byte { return []byte("rubbish") },
		"rubbish, sealed": func(r Record) []byte {
			sealed, err := ring.Seal(sealPurpose(r.Purpose), r.ID, []byte("rubbish"))
			require.NoError(t, err)
			return sealed
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServers(t)
			s.pass(testPolicy().Signing.Announce)
			require.NoError(t, s.a.Rotate(t.Context(), Signing))
			require.NoError(t, s.a.Rotate(t.Context(), Refresh))
			damaged := 0
			for _, info := range Describe(s.store.records, s.store.now) {
				n := slices.IndexFunc(s.store.records, func(r Record) bool { return r.ID == info.ID })
				if info.State == Announced || info.State == Retired {
					s.store.records[n].Sealed = damage(s.store.records[n])
					damaged++
				}
			}
			require.Equal(t, 4, damaged, "a retired and an announced one of each purpose")
			started, err := Open(t.Context(), s.store, ring, Options{Now: s.a.options.Now, Policy: testPolicy()})
			require.NoError(t, err)
			require.Equal(t, s.a.Current().KeyID(), started.Current().KeyID())
			require.Len(t, started.Damaged(), damaged)
			require.NotContains(t, errorTexts(started.Damaged()), "master_key", "which is the right one")
			require.NoError(t, s.a.Reload(t.Context()))
			require.Zero(t, s.a.Age(), "those that run stay ready")
		})
	}
}

// TestAMissingMasterKeyIsNoDamage: a server that lacks one must say so before the key that it sealed is in use.
func TestAMissingMasterKeyIsNoDamage(t *testing.T) {
	s := newServers(t)
	ring := newRing(t, entry("k9", 'z'))
	for _, info := range Describe(s.store.records, s.store.now) {
		n := slices.IndexFunc(s.store.records, func(r Record) bool { return r.ID == info.ID })
		if r := &s.store.records[n]; info.State == Announced {
			plaintext, err := newRing(t, entry("k1", 'a')).Open(sealPurpose(r.Purpose), r.ID, r.Sealed)
			require.NoError(t, err)
			r.Sealed, err = ring.Seal(sealPurpose(r.Purpose), r.ID, plaintext)
			require.NoError(t, err)
		}
	}
	require.ErrorIs(t, s.a.Reload(t.Context()), ErrUnknownMasterKey)
}
