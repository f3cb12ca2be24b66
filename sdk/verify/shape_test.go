package verify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOtherFormsAreRejected(t *testing.T) {
	w := newEnv(t)
	token := w.token(nil)
	parts := strings.Split(token, ".")
	for name, attack := range map[string]struct {
		token string
		why   reason
	}{
		"nothing":                 {"", badLength},
		"a megabyte":              {parts[0] + "." + strings.Repeat("A", 1<<20) + "." + parts[2], badLength},
		"a million dots":          {strings.Repeat(".", 1_000_000), badLength},
		"16 KiB of dots":          {strings.Repeat(".", maxTokenSize), badForm},
		"no dot":                  {parts[0], badForm},
		"two segments":            {parts[0] + "." + parts[1], badForm},
		"four segments":           {token + "." + parts[2], badForm},
		"five segments, as a JWE": {token + "..", badForm},
		"a trailing dot":          {token + ".", badForm},
		"a leading dot":           {"." + token, badForm},
		"only dots":               {"..", badHeader},
		"no signature":            {parts[0] + "." + parts[1] + ".", badSignature},
		"no payload":              {parts[0] + ".." + parts[2], badSignature},
		"no header":               {"." + parts[1] + "." + parts[2], badHeader},
		"flattened JSON": {fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, parts[0], parts[1],
			parts[2]), badForm},
		"general JSON": {fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`,
			parts[1], parts[0], parts[2]), badForm},
		"a padded header":       {parts[0] + "=." + parts[1] + "." + parts[2], badForm},
		"a padded payload":      {parts[0] + "." + parts[1] + "=." + parts[2], badForm},
		"a padded signature":    {token + "==", badForm},
		"a trailing space":      {token + " ", badForm},
		"a leading space":       {" " + token, badForm},
		"a trailing tab":        {token + "\t", badForm},
		"a trailing line break": {token + "\n", badForm},
		"a line break within":   {token[:20] + "\r\n" + token[20:], badForm},
		"a trailing NUL":        {token + "\x00", badForm},
		"after Bearer":          {"Bearer " + token, badForm},
		"quoted":                {`"` + token + `"`, badForm},
		"segments exchanged":    {parts[1] + "." + parts[0] + "." + parts[2], badAlgorithm},
		"another payload": {parts[0] + "." + b64([]byte(w.claims(map[string]any{"sub": "u_2"}))) + "." +
			parts[2], badSignature},
		"a signature of zeros": {parts[0] + "." + parts[1] + "." + b64(make([]byte, 256)), badSignature},
		"a signature of ones":  {parts[0] + "." + parts[1] + "." + b64(append(make([]byte, 255), 1)), badSignature},
		"a longer signature":   {parts[0] + "." + parts[1] + "." + b64(make([]byte, 257)), badSignature},
	} {
		t.Run(name, func(t *testing.T) { requireRefused(t, w, attack.token, attack.why) })
	}
}

// TestEveryChangeOfATokenIsRefused changes a token that is cached. It also changes the spare bits at the end of a
// segment, which lax decoders ignore.
func TestEveryChangeOfATokenIsRefused(t *testing.T) {
	w := newEnv(t)
	token := []byte(w.token(map[string]any{"ext": nil, "wechat": nil, "roles": nil}))
	requireGood(t, w, string(token))
	refused := func(t *testing.T, changed []byte) {
		t.Helper()
		if err := w.verify(string(changed)); err == nil {
			t.Fatalf("accepted: %q", changed)
		}
	}
	t.Run("truncated", func(t *testing.T) {
		for n := range token {
			refused(t, token[:n])
		}
	})
	t.Run("a bit flipped", func(t *testing.T) {
		for n := range token {
			changed := bytes.Clone(token)
			changed[n] ^= 1 << (n % 7)
			refused(t, changed)
		}
		last := len(token) - 1
		for bit := range 7 {
			changed := bytes.Clone(token)
			changed[last] ^= 1 << bit
			refused(t, changed)
		}
	})
	t.Run("extended", func(t *testing.T) {
		for c := range 256 {
			refused(t, append(bytes.Clone(token), byte(c)))
		}
	})
	requireGood(t, w, string(token))
}

func FuzzVerify(f *testing.F) {
	w := newEnv(f)
	token := w.token(nil)
	f.Add(token)
	f.Add(token + "=")
	f.Add("..")
	f.Add(sign(headerOf("first", `,"crit":["b64"]`), "{}", firstRSA()))
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		if err := w.verify(text); err == nil && text != token {
			t.Fatalf("a forged token was accepted: %q", text)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %s", took)
		}
	})
}
