package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"runtime"
)

// Options bound the work. Zero values are replaced by the defaults that stand behind them.
type Options struct {
	MaxConcurrent int // hashes at once: half of the processors, so that the other half signs tokens
	MaxWaiting    int // callers that wait for their turn: 64
	MaxPerAddress int // running and waiting for one address: 4
}

// Hasher hashes and checks passwords within its bound. It is safe for parallel use.
type Hasher struct {
	bound   *bound
	dummy   hashed
	compute func(h hashed, password string, size int) []byte // argon2id; tests count and block here
}

// New makes a hasher.
func New(options Options) *Hasher {
	return &Hasher{
		bound: newBound(
			orDefault(options.MaxConcurrent, max(1, runtime.GOMAXPROCS(0)/2)),
			orDefault(options.MaxWaiting, 64),
			orDefault(options.MaxPerAddress, 4),
		),
		dummy:   hashed{parameters: current(), salt: make([]byte, saltSize), hash: make([]byte, hashSize)},
		compute: argon2id,
	}
}

func orDefault(value, fallback int) int {
	if value > 0 {
		return value
	}
	return fallback
}

// Hash returns the PHC form of a password's hash. ErrBusy, the context's error, or what [Normalize] says.
//
// An address is whatever its caller should have a share by: of an IPv6 address, its network.
func (h *Hasher) Hash(ctx context.Context, address, password string) (string, error) {
	normalized, err := Normalize(password)
	if err != nil {
		return "", err
	}
	fresh := hashed{parameters: current(), salt: make([]byte, saltSize)}
	rand.Read(fresh.salt) // never fails (crypto/rand)
	err = h.bound.run(ctx, address, func() { fresh.hash = h.compute(fresh, normalized, hashSize) })
	if err != nil {
		return "", err
	}
	return fresh.String(), nil
}

// Check says whether a password is the one of an encoded hash, and whether the hash should then be replaced
// by a new one of [Hasher.Hash]: it is another program's, or of parameters that are no longer ours. An empty
// hash stands for somebody who has none, or does not exist: the same work is done as for a hash of ours, and
// the answer is no. What [Normalize] refuses is nobody's password, and so refused without work. ErrBusy, the
// context's error, or an error that the hash is damaged.
func (h *Hasher) Check(ctx context.Context, address, encoded, password string) (right, outdated bool, err error) {
	normalized, err := Normalize(password)
	if err != nil {
		return false, false, nil
	}
	compare, outdated, err := h.comparison(encoded, password, normalized)
	if err != nil {
		return false, false, err
	}
	if err := h.bound.run(ctx, address, func() { right = compare() }); err != nil {
		return false, false, err
	}
	return right, right && outdated, nil
}

// comparison returns the work that compares a password with a hash, to be done within the bound.
func (h *Hasher) comparison(encoded, written, normalized string) (compare func() bool, outdated bool, err error) {
	if isBcrypt(encoded) {
		want, err := parseBcrypt(encoded)
		return func() bool { return want.opens(written, normalized) }, true, err
	}
	want := h.dummy
	if encoded != "" {
		if want, err = parse(encoded); err != nil {
			return nil, false, err
		}
	}
	return func() bool {
		got := h.compute(want, normalized, len(want.hash))
		return subtle.ConstantTimeCompare(got, want.hash) == 1 && encoded != ""
	}, want.parameters != current(), nil
}
