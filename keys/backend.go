package keys

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
)

// goBackend is the name of Go's own implementation.
const goBackend = "go"

// digestSigner signs a SHA-256 digest with PKCS #1 v1.5. It is safe for concurrent use.
type digestSigner func(digest []byte) ([]byte, error)

// library is an alternative implementation of signatures, which is faster than Go's.
type library struct {
	name string
	open func(pkcs8 []byte) (digestSigner, error)
}

// BuiltBackend returns the implementation that this program is built to sign with: "go", or "openssl" with the
// installed version.
func BuiltBackend() string {
	if built := builtLibrary(); built != nil {
		return built.name
	}
	return goBackend
}

// Backend returns the implementation that signs: "go", "openssl 3.0.22", or "go, since openssl 3.0.22 failed: " and
// the reason; "" if there is no signing key.
func (s *Set) Backend() string {
	if s.signer == nil {
		return ""
	}
	if checked, ok := s.signer.key.(*checkedSigner); ok {
		return checked.state.Load().backend
	}
	return goBackend
}

// Backend returns the Backend of the current set; "" without one.
func (k *Keeper) Backend() string {
	if set := k.Current(); set != nil {
		return set.Backend()
	}
	return ""
}

// checkedSigner signs with a library, and checks it: its first signature must equal Go's byte for byte, and Go
// verifies every signature before it is returned, since a single faulty one reveals an RSA key (Boneh, DeMillo,
// Lipton 1997). After the first error the library is never used again for this key.
type checkedSigner struct {
	own     *rsa.PrivateKey
	library string
	state   atomic.Pointer[signerState]
	logger  *slog.Logger
}

// signerState describes how signatures are made. If sign is nil, Go makes them.
type signerState struct {
	backend string
	sign    digestSigner
}

var (
	errOtherSignature = errors.New("its test signature differs from Go's")
	errBadSignature   = errors.New("it made a signature that does not verify")
)

// newCheckedSigner returns a signer for own, whose PKCS #8 form is pkcs8. It falls back to Go if the library fails.
func newCheckedSigner(own *rsa.PrivateKey, pkcs8 []byte, l *library, logger *slog.Logger) *checkedSigner {
	s := &checkedSigner{own: own, library: l.name, logger: logger}
	sign, err := l.open(pkcs8)
	state := &signerState{l.name, sign}
	s.state.Store(state)
	if err == nil {
		err = signsAlike(sign, own)
	}
	if err != nil {
		s.giveUp(state, err)
	}
	return s
}

func signsAlike(sign digestSigner, own *rsa.PrivateKey) error {
	digest := sha256.Sum256([]byte("PKCS #1 v1.5 leaves nothing to chance"))
	want, err := rsa.SignPKCS1v15(nil, own, crypto.SHA256, digest[:])
	if err != nil {
		return err
	}
	got, err := sign(digest[:])
	if err == nil && !bytes.Equal(got, want) {
		err = errOtherSignature
	}
	return err
}

// Public implements crypto.Signer.
func (s *checkedSigner) Public() crypto.PublicKey { return s.own.Public() }

// Sign implements crypto.Signer. Go handles everything other than RS256, including the error.
func (s *checkedSigner) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	state := s.state.Load()
	if state.sign == nil || opts != crypto.SHA256 || len(digest) != sha256.Size {
		return s.own.Sign(random, digest, opts)
	}
	signature, err := state.sign(digest)
	if err == nil && rsa.VerifyPKCS1v15(&s.own.PublicKey, crypto.SHA256, digest, signature) != nil {
		err = errBadSignature
	}
	if err != nil {
		s.giveUp(state, err)
		return s.own.Sign(random, digest, opts)
	}
	return signature, nil
}

// giveUp switches to Go for good. If several calls fail at once, only one logs it.
func (s *checkedSigner) giveUp(state *signerState, err error) {
	after := &signerState{backend: fmt.Sprintf("%s, since %s failed: %v", goBackend, s.library, err)}
	if s.state.CompareAndSwap(state, after) {
		s.logger.Error("signing with Go from now on, which takes up to three times as long", "library",
			s.library, "error", err)
	}
}
