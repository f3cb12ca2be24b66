package wechattest

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// ciphertextMemory is how long WeChat remembers the phone numbers that it encrypted. It does not remember other data.
const ciphertextMemory = 72 * time.Hour

// A ciphertext identifies encrypted data of an app, by the hexadecimal SHA-256 of its
// encryptedData.
type ciphertext struct{ appID, hash string }

func newCiphertext(appID, encryptedData string) ciphertext {
	digest := sha256.Sum256([]byte(encryptedData))
	return ciphertext{appID, hex.EncodeToString(digest[:])}
}

// checkEncryptedMessage is checkEncryptedData, POST
// /wxa/business/checkencryptedmsg.
func (s *encryption) checkEncryptedMessage(received call) *answer {
	var body struct {
		Hash string `json:"encrypted_msg_hash"`
	}
	if failed := decodePost(received, &body); failed != nil {
		return failed
	}
	appID, failed := s.bearer(received)
	if failed != nil {
		return failed
	}
	if digest, err := hex.DecodeString(body.Hash); err != nil || len(digest) != sha256.Size {
		return failWith(40097)
	}
	at, found := s.sealed.get(ciphertext{appID, body.Hash})
	switch known := found && s.now().Sub(at) <= ciphertextMemory; {
	case !known && s.variant.VaildFalse:
		return &answer{members: map[string]any{"vaild": false, "create_time": 0}}
	case !known:
		return failWith(1)
	}
	return &answer{members: map[string]any{"vaild": true, "create_time": at.Unix()}}
}
