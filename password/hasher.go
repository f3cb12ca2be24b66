package password

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"runtime"
	"sync/atomic"
)

// Options limit the work of a Hasher. A zero value means the default.
type Options struct {
	MaxConcurrent int // hashes at once; default half of the processors, so that the other half can sign tokens
	MaxWaiting    int // waiting callers; default 64

	// NameKey is a secret of all servers, for [Hasher.CheckUnknown]; default: a random one. With different ones, a
	// name could be recognized as unknown by its different times.
	NameKey []byte
}

// expensiveWaiting is how many checks of expensive hashes may wait. One runs at a time, beside the others.
const expensiveWaiting = 16

// Hasher hashes and checks passwords. It is safe for concurrent use.
type Hasher struct {
	bound     *bound
	expensive *bound
	dummy     hashed
	nameKey   []byte
	stored    atomic.Pointer[[]kind]                           // nil: unknown
	compute   func(h hashed, password string, size int) []byte // argon2id, except in tests
}

// New returns a Hasher.
func New(options Options) *Hasher {
	if options.NameKey == nil {
		options.NameKey = make([]byte, sha256.Size)
		rand.Read(options.NameKey) // never returns an error (crypto/rand)
	}
	return &Hasher{
		nameKey: options.NameKey,
		bound: newBound(
			orDefault(options.MaxConcurrent, max(1, runtime.GOMAXPROCS(0)/2)),
			orDefault(options.MaxWaiting, 64),
		),
		expensive: newBound(1, expensiveWaiting),
		dummy:     hashed{parameters: current(), salt: make([]byte, saltSize), hash: make([]byte, hashSize)},
		compute:   argon2id,
	}
}

func orDefault(value, fallback int) int {
	if value > 0 {
		return value
	}
	return fallback
}

// Hash returns the PHC form of a password's hash. It returns ErrBusy if too many passwords are being hashed, the
// context's error, or an error of [Normalize].
func (h *Hasher) Hash(ctx context.Context, caller Caller, password string) (string, error) {
	normalized, err := Normalize(password)
	if err != nil {
		return "", err
	}
	fresh := hashed{parameters: current(), salt: make([]byte, saltSize)}
	rand.Read(fresh.salt) // never returns an error (crypto/rand)
	err = h.bound.run(ctx, caller, func() { fresh.hash = h.compute(fresh, normalized, hashSize) })
	if err != nil {
		return "", err
	}
	return fresh.String(), nil
}

// Check reports whether a password matches an encoded hash. outdated reports whether the hash should be replaced with
// a new one from [Hasher.Hash], because it is a bcrypt hash or has outdated parameters. A bcrypt hash is not outdated
// if the password has 72 bytes or more: then bcrypt has not seen its end, and a new hash could be of another password.
// For an empty hash, Check does the same work as for a current one, and returns false. It returns false without any
// work if [Normalize] rejects the password. It returns ErrBusy if too many passwords are being hashed, the context's
// error, or an error if the hash is damaged. Hashes of another program that take much longer than ours wait for a slot
// of their own, so that nobody else waits for them.
func (h *Hasher) Check(ctx context.Context, caller Caller, encoded, password string) (right, outdated bool, err error) {
	normalized, err := Normalize(password)
	if err != nil {
		return false, false, nil
	}
	c, err := h.comparison(encoded, password, normalized)
	if err != nil {
		return false, false, err
	}
	bound := h.bound
	if c.expensive {
		bound = h.expensive
	}
	if err := bound.run(ctx, caller, func() { right, outdated = c.compare() }); err != nil {
		return false, false, err
	}
	return right, right && outdated, nil
}

// comparison compares a password with a hash. It must run within a bound.
type comparison struct {
	compare   func() (right, outdated bool)
	expensive bool
}

func (h *Hasher) comparison(encoded, written, normalized string) (comparison, error) {
	if isBcrypt(encoded) {
		want, err := parseBcrypt(encoded)
		return comparison{func() (bool, bool) { return want.matches(written, normalized) }, want.expensive()}, err
	}
	want := h.dummy
	if encoded != "" {
		var err error
		if want, err = parse(encoded); err != nil {
			return comparison{}, err
		}
	}
	return comparison{func() (bool, bool) {
		got := h.compute(want, normalized, len(want.hash))
		return subtle.ConstantTimeCompare(got, want.hash) == 1 && encoded != "", want.parameters != current()
	}, want.expensive()}, nil
}
