package wechattest

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// ciphertextMemory is how long WeChat remembers what it encrypted.
const ciphertextMemory = 72 * time.Hour

// A ciphertext is something that was encrypted for an app, named by the
// hexadecimal SHA-256 of its encryptedData.
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
	if refused := decodePost(received, &body); refused != nil {
		return refused
	}
	appID, refused := s.bearer(received)
	if refused != nil {
		return refused
	}
	if digest, err := hex.DecodeString(body.Hash); err != nil || len(digest) != sha256.Size {
		return refuse(47001)
	}
	at, found := s.sealed.get(ciphertext{appID, body.Hash})
	if !found || s.now().Sub(at) > ciphertextMemory {
		return &answer{members: map[string]any{"vaild": false, "create_time": 0}}
	}
	return &answer{members: map[string]any{"vaild": true, "create_time": at.Unix()}}
}
