package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// ErrBadPush means that a request was not made by WeChat for this app, or is malformed. It does not tell these cases
// apart.
var ErrBadPush = errors.New("wechat: not a message push for this app")

// PushKeys are what an operator enters at WeChat so that it pushes messages about an app to a URL.
// https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
type PushKeys struct {
	Token          Secret // signs: 3 to 32 letters and digits
	EncodingAESKey Secret // encrypts: 43 letters and digits, Base64 of an AES-256 key without the last "="
}

// Sizes of keys, in characters. WeChat requires the latter.
const (
	pushTokenSize      = 32
	encodingAESKeySize = 43
)

// NewPushKeys returns random keys.
func NewPushKeys() PushKeys {
	return PushKeys{Secret(randomText(pushTokenSize)), Secret(randomText(encodingAESKeySize))}
}

// randomText returns random letters and digits.
func randomText(size int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	text := make([]byte, 0, size)
	for drawn := make([]byte, 64); len(text) < size; {
		_, _ = rand.Read(drawn) // never fails
		for _, b := range drawn {
			// the remainders of larger values would prefer some characters
			if int(b) < 256/len(alphabet)*len(alphabet) && len(text) < size {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(text)
}

// PushQuery is the query of a request by which WeChat verifies a URL or pushes a message. The openid that it may also
// have is not signed, and is ignored.
type PushQuery struct {
	Signature    string // of Token, Timestamp and Nonce
	MsgSignature string // of Token, Timestamp, Nonce and the encrypted message
	Timestamp    string
	Nonce        string
	Echo         string // echostr: what the answer to a verification repeats
}

// maxPushParameter limits each parameter of a query, in bytes. WeChat's have at most 40.
const maxPushParameter = 512

func (q PushQuery) plausible() bool {
	for _, text := range []string{q.Signature, q.MsgSignature, q.Timestamp, q.Nonce, q.Echo} {
		if len(text) > maxPushParameter {
			return false
		}
	}
	return q.Timestamp != "" && q.Nonce != ""
}

// Verifies reports whether WeChat has these keys: its GET request, when an operator submits a URL, is signed with the
// Token.
func (k PushKeys) Verifies(q PushQuery) bool {
	return q.plausible() && q.Echo != "" && k.signed(q.Signature, q)
}

// signed reports, in constant time, whether a signature is the hexadecimal SHA-1 of the sorted texts: the Token,
// timestamp, nonce, and more.
func (k PushKeys) signed(signature string, q PushQuery, more ...string) bool {
	if k.Token == "" {
		return false
	}
	texts := append([]string{k.Token.Reveal(), q.Timestamp, q.Nonce}, more...)
	slices.Sort(texts)
	digest := sha1.Sum([]byte(strings.Join(texts, "")))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(digest[:])), []byte(signature)) == 1
}

// A Push is a message that WeChat pushed. Texts that it does not have are empty.
type Push struct {
	MsgType    string // such as "event" or "text"
	Event      string // of an event
	OpenID     string // the user that an event about permissions concerns
	CreateTime string // Unix time in seconds, as WeChat sent it
	RevokeInfo string // what the user withdrew
}

// OpenPush reads a push for an app. Its encrypted part alone counts if it has one; a message in clear is accepted only
// if inClear is true, since anyone who has seen the URL of one can send others. Keys are tried one after the other. It
// returns ErrBadPush for anything that WeChat did not send for the app.
func OpenPush(appID string, keys []PushKeys, inClear bool, q PushQuery, body []byte) (Push, error) {
	outer, err := parsePush(body)
	if err != nil || !q.plausible() {
		return Push{}, ErrBadPush
	}
	encrypted := outer["Encrypt"]
	for _, k := range keys {
		switch {
		case encrypted == "" && inClear && k.signed(q.Signature, q):
			return pushFor(appID, outer)
		case encrypted == "" || !k.signed(q.MsgSignature, q, encrypted):
			continue
		}
		message, err := k.decrypt(encrypted, appID)
		if err != nil {
			return Push{}, err
		}
		inner, err := parsePush(message)
		if err != nil {
			return Push{}, ErrBadPush
		}
		return pushFor(appID, inner)
	}
	return Push{}, ErrBadPush
}

func pushFor(appID string, members map[string]string) (Push, error) {
	if named := members["AppID"]; named != "" && named != appID {
		return Push{}, ErrBadPush
	}
	return Push{MsgType: members["MsgType"], Event: members["Event"], OpenID: members["OpenID"],
		CreateTime: members["CreateTime"], RevokeInfo: members["RevokeInfo"]}, nil
}

// A sealed message is 16 random bytes, the length of the message in 4 bytes, the message, and the AppID, padded by PKCS
// #7 to blocks of 32 bytes, and encrypted by AES-256-CBC.
// https://developers.weixin.qq.com/doc/oplatform/developers/dev/push/encryption.html
const (
	pushKeySize   = 32
	pushPadding   = 32
	pushRandom    = 16
	pushBeginning = pushRandom + 4
)

// decrypt returns a message that was encrypted for an app. Its signature has been checked, so callers who do not know
// the Token cannot find out how it fails.
func (k PushKeys) decrypt(encrypted, appID string) ([]byte, error) {
	// the last character of a key has two bits that do not belong to it
	key, err := base64.StdEncoding.DecodeString(k.EncodingAESKey.Reveal() + "=")
	ciphertext, err2 := decodeBase64(encrypted)
	if err != nil || err2 != nil || len(key) != pushKeySize || len(ciphertext) == 0 ||
		len(ciphertext)%aes.BlockSize != 0 {
		return nil, ErrBadPush
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, ErrBadPush
	}
	plain := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, key[:aes.BlockSize]).CryptBlocks(plain, ciphertext)
	padding := int(plain[len(plain)-1])
	if padding < 1 || padding > pushPadding || padding > len(plain)-pushBeginning {
		return nil, ErrBadPush
	}
	for _, b := range plain[len(plain)-padding:] {
		if int(b) != padding {
			return nil, ErrBadPush
		}
	}
	message := plain[pushBeginning : len(plain)-padding]
	size := binary.BigEndian.Uint32(plain[pushRandom:])
	if uint64(size) > uint64(len(message)) || string(message[size:]) != appID {
		return nil, ErrBadPush
	}
	return message[:size], nil
}
