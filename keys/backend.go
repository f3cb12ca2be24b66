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

// goBackend names the signer that is always there.
const goBackend = "go"

// digestSigner signs the SHA-256 digest of a text by PKCS #1 v1.5. It is safe for parallel use.
type digestSigner func(digest []byte) ([]byte, error)

// library is code other than Go's that signs, only faster.
type library struct {
	name string
	open func(pkcs8 []byte) (digestSigner, error)
}

// BuiltBackend names what this program is built to sign with: "go", or "openssl" with the version that is installed.
func BuiltBackend() string {
	if built := builtLibrary(); built != nil {
		return built.name
	}
	return goBackend
}

// Backend says what signs: "go", "openssl 3.0.22", or "go, since openssl 3.0.22 failed: " and how; "" if nothing does.
func (s *Set) Backend() string {
	if s.signer == nil {
		return ""
	}
	if checked, ok := s.signer.key.(*checkedSigner); ok {
		return checked.state.Load().backend
	}
	return goBackend
}

// Backend is that of the current set.
func (k *Keeper) Backend() string { return k.Current().Backend() }

// checkedSigner has a library sign, and trusts it in nothing: at the beginning its signature must be Go's,
// byte by byte, and none is released that Go has not verified, since a single faulty one gives an RSA key
// away (Boneh, DeMillo, Lipton 1997). After its first fault it is never asked again for this key.
type checkedSigner struct {
	own     *rsa.PrivateKey
	library string
	state   atomic.Pointer[signerState]
	logger  *slog.Logger
}

// signerState is how signatures are made. Without sign it is Go that makes them.
type signerState struct {
	backend string
	sign    digestSigner
}

var (
	errOtherSignature = errors.New("its signature of a test is not the one that Go makes")
	errBadSignature   = errors.New("it made a signature that does not verify")
)

// newCheckedSigner opens a key, of which pkcs8 is the PKCS #8 form, with a library as well.
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

// Sign implements crypto.Signer. What is not RS256 is Go's, which also says what is wrong with it.
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

// giveUp leaves the key to Go for good. Of several calls that fail at once, one says so.
func (s *checkedSigner) giveUp(state *signerState, err error) {
	after := &signerState{backend: fmt.Sprintf("%s, since %s failed: %v", goBackend, s.library, err)}
	if s.state.CompareAndSwap(state, after) {
		s.logger.Error("signatures are Go's from now on, which takes up to three times as long", "library",
			s.library, "error", err)
	}
}
