package verify

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// The keys of all tests, since generating one takes long.
var (
	firstRSA  = sync.OnceValue(newRSA)
	secondRSA = sync.OnceValue(newRSA)
)

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// testIssuer publishes keys over HTTP as Lingpai does, and counts requests.
type testIssuer struct {
	*httptest.Server
	mutex    sync.Mutex
	metadata string // the served text
	jwks     string
	control  string // Cache-Control of the key set
	status   int    // of the key set, if not 200
	list     string // of revocations

	asked    atomic.Int64 // requests for the metadata
	fetched  atomic.Int64 // requests for the key set
	notAgain atomic.Int64 // of these, the ones answered with 304
	listed   atomic.Int64 // requests for the list
	sameList atomic.Int64 // of these, the ones answered with 304
	held     chan struct{}
}

func newIssuer(t testing.TB) *testIssuer {
	i := &testIssuer{control: "public, max-age=300"}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", i.serveMetadata)
	mux.HandleFunc("/.well-known/jwks.json", i.serveKeys)
	mux.HandleFunc("/revocations", i.serveList)
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	i.metadata = fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"revocation_list_uri":%q}`, i.URL,
		i.URL+"/.well-known/jwks.json", i.URL+"/revocations")
	i.publish(jwkOf("first", &firstRSA().PublicKey))
	return i
}

func (i *testIssuer) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	i.asked.Add(1)
	i.mutex.Lock()
	defer i.mutex.Unlock()
	fmt.Fprint(w, i.metadata)
}

func (i *testIssuer) serveKeys(w http.ResponseWriter, r *http.Request) {
	i.fetched.Add(1)
	i.mutex.Lock()
	jwks, control, status, held := i.jwks, i.control, i.status, i.held
	i.mutex.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(jwks)))
	w.Header().Set("ETag", etag)
	if control != "" {
		w.Header().Set("Cache-Control", control)
	}
	switch {
	case status != 0:
		w.WriteHeader(status)
	case r.Header.Get("If-None-Match") == etag:
		i.notAgain.Add(1)
		w.WriteHeader(http.StatusNotModified)
	default:
		fmt.Fprint(w, jwks)
	}
}

func (i *testIssuer) serveList(w http.ResponseWriter, r *http.Request) {
	i.listed.Add(1)
	i.mutex.Lock()
	list, held := i.list, i.held
	i.mutex.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}
	etag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(list)))
	w.Header().Set("ETag", etag)
	switch {
	case list == "":
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Header.Get("If-None-Match") == etag:
		i.sameList.Add(1)
		w.WriteHeader(http.StatusNotModified)
	default:
		fmt.Fprint(w, list)
	}
}

// change changes the served documents.
func (i *testIssuer) change(do func()) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	do()
}

// publish replaces the key set.
func (i *testIssuer) publish(jwks ...string) {
	i.change(func() { i.jwks = `{"keys":[` + strings.Join(jwks, ",") + `]}` })
}

func jwkOf(id string, key *rsa.PublicKey) string {
	return fmt.Sprintf(`{"kty":"RSA","use":"sig","alg":"RS256","kid":%q,"n":%q,"e":"AQAB"}`, id, b64(key.N.Bytes()))
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// number returns a public key with an arbitrary modulus of the given bits.
func number(bits int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: exponent}
}
