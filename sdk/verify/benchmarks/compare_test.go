package benchmarks

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/lingpai/lingpai/sdk/verify"
)

const audience = "https://api.example.com"

// check verifies a token and returns its scope.
type check func(ctx context.Context, token string) (scope string, err error)

// BenchmarkTokens checks the same token repeatedly with each library, with keys in memory: signature, issuer,
// audience, expiry.
func BenchmarkTokens(b *testing.B) {
	issuer, token, set := newIssuer(b)
	b.Run("signature-alone", func(b *testing.B) { signatureAlone(b, token, set) })
	for _, library := range []struct {
		name  string
		check check
	}{
		{"lingpai", lingpai(b, issuer, verify.WithCache(0))},
		{"lingpai-remembered", lingpai(b, issuer)},
		{"go-oidc", goOIDC(b, issuer)},
		{"jwx", plainJWX(issuer, set)},
	} {
		b.Run(library.name, func(b *testing.B) {
			if scope, err := library.check(b.Context(), token); err != nil || scope != "orders.read" {
				b.Fatal(scope, err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := library.check(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// signatureAlone is the lower bound for all libraries: crypto/rsa on a token that is already parsed.
func signatureAlone(b *testing.B, token string, set jwk.Set) {
	key, _ := set.Key(0)
	var public rsa.PublicKey
	must(b, key.Raw(&public))
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		sum := sha256.Sum256([]byte(token[:dot]))
		must(b, rsa.VerifyPKCS1v15(&public, crypto.SHA256, sum[:], signature))
	}
}

func lingpai(b *testing.B, issuer string, options ...verify.Option) check {
	b.Helper()
	v, err := verify.New(b.Context(), issuer, audience, options...)
	if err != nil {
		b.Fatal(err)
	}
	return func(ctx context.Context, token string) (string, error) {
		claims, err := v.Verify(ctx, token)
		return claims.Scope, err
	}
}

// goOIDC treats access tokens as ID tokens, since it supports no others: it does not check typ.
func goOIDC(b *testing.B, issuer string) check {
	b.Helper()
	provider, err := oidc.NewProvider(b.Context(), issuer)
	if err != nil {
		b.Fatal(err)
	}
	verifier := provider.VerifierContext(context.Background(), &oidc.Config{ClientID: audience,
		SupportedSigningAlgs: []string{oidc.RS256}})
	return func(ctx context.Context, token string) (string, error) {
		checked, err := verifier.Verify(ctx, token)
		if err != nil {
			return "", err
		}
		var claims struct {
			Scope string `json:"scope"`
		}
		err = checked.Claims(&claims)
		return claims.Scope, err
	}
}

// plainJWX does not check typ either.
func plainJWX(issuer string, set jwk.Set) check {
	return func(_ context.Context, token string) (string, error) {
		checked, err := jwt.ParseString(token, jwt.WithKeySet(set), jwt.WithIssuer(issuer),
			jwt.WithAudience(audience), jwt.WithValidate(true))
		if err != nil {
			return "", err
		}
		scope, _ := checked.Get("scope")
		text, _ := scope.(string)
		return text, nil
	}
}

// newIssuer serves metadata and a key, and returns a token with the same claims as Lingpai's.
func newIssuer(b *testing.B) (issuer, token string, set jwk.Set) {
	b.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(b, err)
	public, err := jwk.FromRaw(private.PublicKey)
	must(b, err)
	must(b, public.Set(jwk.KeyIDKey, "k"))
	must(b, public.Set(jwk.AlgorithmKey, jwa.RS256))
	must(b, public.Set(jwk.KeyUsageKey, "sig"))
	set = jwk.NewSet()
	must(b, set.AddKey(public))
	handler := http.NewServeMux()
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	handler.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, server.URL, server.URL+"/jwks")
	})
	handler.HandleFunc("/jwks", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(set) })
	now := time.Now().Unix()
	payload := fmt.Sprintf(`{"iss":%q,"sub":"u_1","aud":%q,"client_id":"app","scope":"orders.read",`+
		`"iat":%d,"exp":%d,"jti":"t_1","sid":"s_1","auth_time":%d,"amr":["wechat"]}`,
		server.URL, audience, now, now+36000, now)
	header := jws.NewHeaders()
	must(b, header.Set(jws.KeyIDKey, "k"))
	must(b, header.Set(jws.TypeKey, "at+jwt"))
	signed, err := jws.Sign([]byte(payload), jws.WithKey(jwa.RS256, private, jws.WithProtectedHeaders(header)))
	must(b, err)
	return server.URL, string(signed), set
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
