package clients_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/clients"
)

func TestValidOrigin(t *testing.T) {
	t.Parallel()
	for _, origin := range []string{
		"https://shop.example.com", "http://localhost:3000", "https://shop.example.com:8443", "http://[::1]:3000",
		"https://xn--czrs0t.example", "https://xn--czrs0t.xn--fiqs8s:8443", "https://a_b.example.com",
		"https://a--b.example.com", "http://shop.example.com:443", "http://tauri.localhost",
		// Capacitor, Ionic, Tauri, and extensions of browsers
		"capacitor://localhost", "ionic://localhost", "tauri://localhost", "my-app.debug+1://localhost",
		"chrome-extension://mjdjmcpgpbfpnolgbhjnjbhpmehbmobb",
		"moz-extension://3c9b834a-5a4c-4d5b-9f0e-9a1a4a7a7b7e",
		"safari-web-extension://E0A1B2C3-5A4C-4D5B-9F0E-9A1A4A7A7B7E",
	} {
		require.True(t, clients.ValidOrigin(origin), origin)
		require.Equal(t, origin, clients.CanonicalOrigin(origin))
	}
	for _, origin := range []string{
		"", "*", "null", "shop.example.com", "https://", "https://*.example.com", "https://shop.example.com/",
		"https://Shop.example.com", "HTTPS://shop.example.com",
		"https://shop.example.com:443", "http://shop.example.com:80", "https://shop.example.com:",
		"https://u@shop.example.com", "https://shop.example.com?x", "ftp://shop.example.com",
		"https://shop.example.com#x", "https://\u5546\u5e97.example", "https://shop.example.com\u3002", "file://",
		"file://localhost", "ftp://localhost", "ws://localhost", "wss://localhost", "capacitor://",
		"capacitor:localhost",
		"capacitor://localhost/", "Capacitor://localhost", "capacitor://*", "capacitor://\u5546",
		"capacitor://u@localhost",
		"htps://shop.example.com", "chrome-extension://*",
		"https://127.1", "https://0x7f000001", "https://192.0.2.01", "https://[::0:1]", "https://[::ffff:192.0.2.1]",
		"https://[127.0.0.1]", "https://shop.example.com:0", "https://shop.example.com:08443",
		"https://shop.example.com:65536",
	} {
		require.False(t, clients.ValidOrigin(origin), origin)
	}
}

// TestCanonicalOrigin: the results are those of "new URL(origin).origin" in browsers.
func TestCanonicalOrigin(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]string{
		"https://商店.example":            "https://xn--czrs0t.example",
		"https://商店。中国:8443":            "https://xn--czrs0t.xn--fiqs8s:8443",
		"https://Bücher.Example":        "https://xn--bcher-kva.example",
		"https://straße.example":        "https://xn--strae-oqa.example",
		"https://ｓｈｏｐ.example":          "https://shop.example",
		"HTTPS://Shop.example.com:443":  "https://shop.example.com",
		"http://Shop.example.com:80":    "http://shop.example.com",
		"http://[FE80::1]:80":           "http://[fe80::1]",
		"https://shop.example.com:8443": "https://shop.example.com:8443",
	} {
		require.Equal(t, want, clients.CanonicalOrigin(origin))
		require.True(t, clients.ValidOrigin(want), want)
	}
	for _, origin := range []string{"", "*", "null", "https://", "https://商店.example/", "https://商店.example?x",
		"https://u@商店.example", "capacitor://商店", "https://*.example.com", "https://xn--0.example", "%"} {
		require.Equal(t, origin, clients.CanonicalOrigin(origin))
		require.False(t, clients.ValidOrigin(origin), origin)
	}
}
