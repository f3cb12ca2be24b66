package wechat

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

const keyText = "AAECAwQFBgf/+/79+vn4+A=="

func parseKey(t testing.TB, text string) SessionKey {
	t.Helper()
	key, err := ParseSessionKey(text)
	require.NoError(t, err)
	return key
}

func TestASessionKeyHasOneText(t *testing.T) {
	key := parseKey(t, keyText)
	require.Equal(t, keyText, key.text())
	require.False(t, key.Zero())
	require.True(t, key.equal(parseKey(t, keyText)))
	require.False(t, key.equal(SessionKey{}))
	require.False(t, parseKey(t, "AAAAAAAAAAAAAAAAAAAAAA==").equal(SessionKey{}), "zeros are a key")
	require.True(t, SessionKey{}.Zero())
	for _, text := range []string{
		"", " ", "AAECAwQFBgf/+/79+vn4+A", "AAECAwQFBgf/+/79+vn4+A=", "AAECAwQFBgf_-_79-vn4-A==",
		"AAECAwQFBgf/ /79 vn4 A==",
		"AAECAwQFBgf/+/79+vn4+B==" /* bits beyond the bytes */, "AAECAwQFBgf/+/79+vn4\n===",
		"AAECAwQFBgf/+/79+vn4\r\n==", "AAECAwQFBgf/+/79+vn4+AAA",
		base64.StdEncoding.EncodeToString(make([]byte, 15)), base64.StdEncoding.EncodeToString(make([]byte, 17)),
		base64.StdEncoding.EncodeToString(make([]byte, 32)),
	} {
		key, err := ParseSessionKey(text)
		require.Error(t, err, "%q", text)
		require.True(t, key.Zero())
	}
}

func TestASessionKeyIsNeverPrinted(t *testing.T) {
	key := parseKey(t, keyText)
	raw := key.bytes()
	type hidden struct{ key SessionKey }
	login := Login{OpenID: "o1", SessionKey: key}
	var text bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t"} {
		fmt.Fprintf(&text, verb+verb+verb+verb+verb, key, &key, login, hidden{key}, []SessionKey{key})
	}
	fmt.Fprint(&text, key.String(), key.GoString())
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		slog.New(handler).Info("", "key", key, "login", login)
	}
	encoded, err := json.Marshal([]any{key, &key, login, map[string]any{"key": key}})
	require.NoError(t, err)
	text.Write(encoded)
	require.Contains(t, text.String(), redacted)
	for _, secret := range []string{keyText, string(raw[:]), hex.EncodeToString(raw[:]), fmt.Sprintf("%v", raw),
		fmt.Sprintf("%X", raw)} {
		require.NotContains(t, text.String(), secret)
	}
	_, err = ParseSessionKey(keyText + "x")
	require.NotContains(t, err.Error(), keyText)
}

// TestAMalformedSessionKeyFailsNoLogin, since the key is not needed to sign in.
func TestAMalformedSessionKeyFailsNoLogin(t *testing.T) {
	for _, member := range []string{``, `,"session_key":""`, `,"session_key":null`, `,"session_key":7`,
		`,"session_key":"k"`, `,"session_key":{}`, `,"session_key":"` + keyText + `x"`} {
		login, err := parseLogin([]byte(`{"openid":"o1"` + member + `}`))
		require.NoError(t, err)
		require.Equal(t, "o1", login.OpenID)
		require.True(t, login.SessionKey.Zero(), member)
	}
	login, err := parseLogin([]byte(`{"openid":"o1","session_key":"AAECAwQFBgf\/+\/79+vn4+A=="}`))
	require.NoError(t, err)
	require.Equal(t, keyText, login.SessionKey.text())
}
