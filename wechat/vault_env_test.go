package wechat

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testVault is a vault with its store, and with a clock that tests move.
type testVault struct {
	*Vault
	mutex   sync.Mutex
	ahead   time.Duration
	values  map[string]entry
	written bytes.Buffer // all values that were ever stored
	broken  bool
	slow    time.Duration // how long Get takes
}

type entry struct {
	value   []byte
	expires time.Time
}

var errNothing = errors.New("no such key")

func newTestVault() *testVault {
	c := &testVault{values: map[string]entry{}}
	c.Vault = NewVault(VaultConfig{Store: c, NotFound: errNothing, Sealer: perIdentitySealer{}, Now: c.now})
	return c
}

func (c *testVault) now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.time()
}

func (c *testVault) time() time.Time { return time.Now().Add(c.ahead) }

func (c *testVault) move(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ahead += by
}

func (c *testVault) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.broken {
		return errors.New("unreachable")
	}
	c.written.WriteString(key)
	c.written.Write(value)
	c.values[key] = entry{bytes.Clone(value), c.time().Add(ttl)}
	return ctx.Err()
}

func (c *testVault) Get(ctx context.Context, key string) ([]byte, error) {
	time.Sleep(c.slow)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.broken {
		return nil, errors.New("unreachable")
	}
	found, there := c.values[key]
	if !there || !c.time().Before(found.expires) {
		return nil, errNothing
	}
	return bytes.Clone(found.value), ctx.Err()
}

func (c *testVault) Take(ctx context.Context, key string) ([]byte, error) {
	value, err := c.Get(ctx, key)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	delete(c.values, key)
	return value, err
}

func (c *testVault) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	c.mutex.Lock()
	found, there := c.values[key]
	there = there && c.time().Before(found.expires)
	if !there && !c.broken { // atomic with the check
		c.values[key] = entry{value, c.time().Add(ttl)}
	}
	c.mutex.Unlock()
	if there {
		return false, nil
	}
	return true, c.Put(ctx, key, value, ttl)
}

type perIdentitySealer struct{}

func (perIdentitySealer) aead(purpose, identity string) cipher.AEAD {
	key := sha256.Sum256([]byte(purpose + "\x00" + identity))
	block, _ := aes.NewCipher(key[:])
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	return aead
}

func (s perIdentitySealer) SealPerIdentity(purpose, identity string, plaintext []byte) ([]byte, error) {
	return s.aead(purpose, identity).Seal(nil, nil, plaintext, nil), nil
}

func (s perIdentitySealer) OpenPerIdentity(purpose, identity string, sealed []byte) ([]byte, error) {
	return s.aead(purpose, identity).Open(nil, nil, sealed, nil)
}

var (
	ada = Account{AppID: "wx0123456789abcdef", OpenID: "oAda"}
	bob = Account{AppID: "wx0123456789abcdef", OpenID: "oBob"}
)

func numberedKey(t testing.TB, n int) SessionKey {
	t.Helper()
	return parseKey(t, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{byte(n)}, sessionKeySize)))
}

// logIn stores the key of a login that was answered now.
func (c *testVault) logIn(t testing.TB, account Account, key SessionKey) {
	t.Helper()
	require.NoError(t, c.Keep(t.Context(), account, key, c.now()))
}

// encrypt pads and encrypts a text as WeChat does.
func encrypt(key SessionKey, text string) EncryptedData {
	missing := aes.BlockSize - len(text)%aes.BlockSize
	return encryptBlocks(key, append([]byte(text), bytes.Repeat([]byte{byte(missing)}, missing)...))
}

func encryptBlocks(key SessionKey, plain []byte) EncryptedData {
	raw := key.bytes()
	block, _ := aes.NewCipher(raw[:])
	iv := sha256.Sum256(plain)
	out := make([]byte, len(plain))
	cipher.NewCBCEncrypter(block, iv[:aes.BlockSize]).CryptBlocks(out, plain)
	return EncryptedData{base64.StdEncoding.EncodeToString(out), base64.StdEncoding.EncodeToString(iv[:aes.BlockSize])}
}
