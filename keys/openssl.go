//go:build openssl && cgo

package keys

/*
#cgo LDFLAGS: -lcrypto
#cgo noescape lingpai_sign
#cgo nocallback lingpai_sign

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#if OPENSSL_VERSION_MAJOR < 3
#error OpenSSL 3 is needed
#endif

// OpenSSL keeps errors in a queue of the thread, and the next call may run in another thread: so the error is
// read here, and the queue is cleared.
static void lingpai_fault(char *text, size_t room) {
	unsigned long code = ERR_get_error();
	text[0] = 0;
	if (code != 0) ERR_error_string_n(code, text, room);
	ERR_clear_error();
}

static EVP_PKEY *lingpai_open(const unsigned char *der, long length, char *fault, size_t room) {
	ERR_clear_error();
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, length);
	if (key == NULL) lingpai_fault(fault, room);
	ERR_clear_error();
	return key;
}

static EVP_PKEY_CTX *lingpai_context(EVP_PKEY *key, char *fault, size_t room) {
	ERR_clear_error();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	if (context != NULL && EVP_PKEY_sign_init(context) > 0
			&& EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0
			&& EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) > 0)
		return context;
	lingpai_fault(fault, room);
	EVP_PKEY_CTX_free(context);
	return NULL;
}

// lingpai_sign returns the length of the signature; 0 on an error.
static size_t lingpai_sign(EVP_PKEY_CTX *context, unsigned char *signature, size_t length,
		const unsigned char *digest, size_t digest_length, char *fault, size_t room) {
	ERR_clear_error();
	if (EVP_PKEY_sign(context, signature, &length, digest, digest_length) > 0) return length;
	lingpai_fault(fault, room);
	return 0;
}
*/
import "C"

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// faultRoom is the size of the buffer for OpenSSL's error text, in bytes.
const faultRoom = 256

// opensslKeys counts the keys whose memory is not yet freed.
var opensslKeys atomic.Int64

// opensslKey is a private key in OpenSSL's memory. Threads can share it, but not a context, so there are as many
// contexts as processors.
//
// Limiting their number matters more than reusing them. While a thread signs in C, Go gives its processor to another
// thread, which could begin to sign too: then many threads would share a processor, and some would wait ten times as
// long as others. With a limit, goroutines wait for a context in Go.
type opensslKey struct {
	size int
	free chan *C.EVP_PKEY_CTX
}

// opensslMemory is the memory that is freed when an opensslKey is no longer reachable.
type opensslMemory struct {
	key      *C.EVP_PKEY
	contexts []*C.EVP_PKEY_CTX
}

func builtLibrary() *library {
	return &library{"openssl " + C.GoString(C.OpenSSL_version(C.OPENSSL_VERSION_STRING)), openOpenSSL}
}

func openOpenSSL(pkcs8 []byte) (digestSigner, error) {
	if len(pkcs8) == 0 {
		return nil, errors.New("there is no key")
	}
	var fault [faultRoom]C.char
	key := C.lingpai_open((*C.uchar)(unsafe.Pointer(&pkcs8[0])), C.long(len(pkcs8)), &fault[0], faultRoom)
	if key == nil {
		return nil, opensslFault(&fault)
	}
	opensslKeys.Add(1)
	k := &opensslKey{int(C.EVP_PKEY_get_size(key)), make(chan *C.EVP_PKEY_CTX, processors)}
	memory := opensslMemory{key: key}
	for range cap(k.free) {
		context := C.lingpai_context(key, &fault[0], faultRoom)
		if context == nil {
			memory.release()
			return nil, opensslFault(&fault)
		}
		memory.contexts = append(memory.contexts, context)
		k.free <- context
	}
	runtime.AddCleanup(k, opensslMemory.release, memory)
	return k.sign, nil
}

// processors is the number of processors for signatures, counted at the start: later GOMAXPROCS may be raised for
// work that yields to requests.
var processors = min(runtime.GOMAXPROCS(0), runtime.NumCPU())

func (m opensslMemory) release() {
	for _, context := range m.contexts {
		C.EVP_PKEY_CTX_free(context)
	}
	C.EVP_PKEY_free(m.key) // overwrites the private numbers
	opensslKeys.Add(-1)
}

// sign is a digestSigner.
func (k *opensslKey) sign(digest []byte) ([]byte, error) {
	if len(digest) != sha256.Size {
		return nil, errors.New("not a SHA-256 digest")
	}
	signature := make([]byte, k.size)
	var fault [faultRoom]C.char
	context := <-k.free
	length := C.lingpai_sign(context, (*C.uchar)(unsafe.Pointer(&signature[0])), C.size_t(k.size),
		(*C.uchar)(unsafe.Pointer(&digest[0])), C.size_t(len(digest)), &fault[0], faultRoom)
	k.free <- context
	runtime.KeepAlive(k) // otherwise it could be freed while it signs
	if length == 0 {
		return nil, opensslFault(&fault)
	}
	return signature[:length], nil
}

func opensslFault(text *[faultRoom]C.char) error {
	return errors.New(cmp.Or(C.GoString(&text[0]), "unknown error"))
}
