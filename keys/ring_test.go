package keys

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseRingAccepts(t *testing.T) {
	// its base64 has characters that differ between the alphabets
	key := []byte(strings.Repeat("\xfb\xff", masterKeySize/2))
	for name, text := range map[string]string{
		"standard base64, padded":   "k1:" + base64.StdEncoding.EncodeToString(key),
		"standard base64, unpadded": "k1:" + base64.RawStdEncoding.EncodeToString(key),
		"URL base64, padded":        "k1:" + base64.URLEncoding.EncodeToString(key),
		"URL base64, unpadded":      "k1:" + base64.RawURLEncoding.EncodeToString(key),
		"space around entries":      " k1:" + base64.StdEncoding.EncodeToString(key) + " ,\n" + entry("k2", 'b') + "\n",
		"the longest id":            strings.Repeat("k", 32) + ":" + base64.StdEncoding.EncodeToString(key),
		"all kinds of id character": "Az09_-:" + base64.StdEncoding.EncodeToString(key),
	} {
		t.Run(name, func(t *testing.T) {
			ring, err := ParseRing(text)
			require.NoError(t, err)
			want, err := hkdf.Extract(sha256.New, key, nil)
			require.NoError(t, err)
			require.Equal(t, want, ring.masters[0].secret)
		})
	}
}

func TestParseRingRejects(t *testing.T) {
	good := entry("k1", 'a')
	material := strings.TrimPrefix(good, "k1:")
	for name, test := range map[string]struct{ text, says string }{
		"nothing":                     {"", "want id:base64"},
		"an entry without id":         {material, "want id:base64"},
		"an empty id":                 {":" + material, "want id:base64"},
		"id and key exchanged":        {material + ":k1", "want id:base64"},
		"an id that is too long":      {strings.Repeat("k", 33) + ":" + material, "1 to 32"},
		"an id with a space":          {"k 1:" + material, "letters, digits"},
		"an id with a Chinese letter": {"钥:" + material, "letters, digits"},
		"a short key": {"k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 31))),
			"exactly 32 bytes"},
		"a long key": {"k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("a", 33))),
			"exactly 32 bytes"},
		"no key":               {"k1:", "exactly 32 bytes"},
		"a key in hexadecimal": {"k1:" + strings.Repeat("61", 32), "exactly 32 bytes"},
		"too much padding":     {good + "=", "exactly 32 bytes"},
		"trailing bits":        {strings.TrimSuffix(good, "E=") + "F=", "exactly 32 bytes"},
		"the same id twice":    {good + "," + entry("k1", 'b'), "entry 2"},
		"a comma at the end":   {good + ",", "entry 2"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseRing(test.text)
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "YWFh", "the error shows a key")
			require.NotContains(t, err.Error(), "6161", "the error shows a key")
		})
	}
}

func TestNewMasterKey(t *testing.T) {
	first, err := NewMasterKey(start)
	require.NoError(t, err)
	second, err := NewMasterKey(start)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(first, "k20261121-"))
	newRing(t, first+","+second)
}

func TestNothingPrintsSecrets(t *testing.T) {
	ring, set := newRing(t, entry("k1", 'a')), newTestSet(t)
	sealed, err := ring.Seal("p", "i", []byte("plaintext"))
	require.NoError(t, err)
	values := map[string]any{
		"*Ring": ring, "Ring": *ring, "*Set": set, "Set": *set, "Record": Record{Sealed: sealed},
		"a struct with both": struct {
			Ring *Ring
			set  *Set
		}{ring, set},
		"Options": options(start, firstRSA),
	}
	secrets := []string{
		"aaaaaaaa", "YWFhYWFh", "97 97 97", "61616161", "0x61, 0x61", "plaintext",
		firstRSA().D.String()[:40], firstRSA().Primes[0].String()[:40], fmt.Sprintf("%x", firstRSA().D)[:40],
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			var printed strings.Builder
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
				fmt.Fprintf(&printed, verb+"\n", value)
			}
			slog.New(slog.NewTextHandler(&printed, nil)).Info("text", "value", value)
			slog.New(slog.NewJSONHandler(&printed, nil)).Info("json", "value", value)
			if b, err := json.Marshal(value); err == nil {
				printed.Write(b)
			}
			for _, secret := range secrets {
				require.NotContains(t, printed.String(), secret)
			}
		})
	}
}

func FuzzParseRing(f *testing.F) {
	for _, seed := range []string{
		"", ",", ":", "k1:", entry("k1", 'a'), entry("k1", 'a') + "," + entry("k2", 'b'), "k1:====",
		"k1:\n" + entry("", 'a')[1:],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := ParseRing(text)
		if err != nil {
			return
		}
		require.NotEmpty(t, ring.masters)
		for _, master := range ring.masters {
			require.Len(t, master.secret, masterKeySize)
			require.True(t, validKeyID(master.id))
		}
	})
}
