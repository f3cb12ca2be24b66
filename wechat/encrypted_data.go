package wechat

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxCiphertext limits encrypted data, in bytes. A month of steps have less than 2 KiB.
	maxCiphertext = 64 << 10

	// maxAge is how old encrypted data may be. It is also how long WeChat itself recognizes data
	// that it encrypted (checkEncryptedData). maxAhead allows for clocks that differ.
	maxAge   = 72 * time.Hour
	maxAhead = 5 * time.Minute
)

// EncryptedData is the result of wx.getUserInfo and similar calls in a mini-program:
// encryptedData and iv, both in standard Base64.
type EncryptedData struct {
	Data string
	IV   string
}

// Opened is decrypted data. Its watermark is the app's and not older than three days, and
// its openId, if there is one, is the account's.
type Opened struct {
	Kind      Kind
	Fields    any // *UserInfo, *PhoneInfo, *ShareInfo, *GroupInfo or *RunInfo
	Timestamp time.Time
	Verified  bool // WeChat confirmed that it encrypted the data
}

// decodedData is encrypted data of a size that can be decrypted.
type decodedData struct {
	iv         [aes.BlockSize]byte
	ciphertext []byte
	valid      bool // false: the encoding or a size was invalid
}

// decode is strict. If the encoding is invalid, it returns a block of zeros, so that
// decryption takes the same steps and fails at the same point as for other data.
func (e EncryptedData) decode() decodedData {
	iv, err1 := decodeBase64(e.IV)
	ciphertext, err2 := decodeBase64(e.Data)
	size := len(ciphertext)
	if err1 != nil || err2 != nil || len(iv) != aes.BlockSize || size == 0 || size > maxCiphertext ||
		size%aes.BlockSize != 0 {
		return decodedData{ciphertext: make([]byte, aes.BlockSize)}
	}
	return decodedData{[aes.BlockSize]byte(iv), ciphertext, true}
}

// open decrypts with one key (AES-128-CBC) and validates the result. The format has no
// MAC, so any detail of a failure, or its timing, would let an attacker decrypt without
// the key. There is only one error, and the text is parsed even if the padding is wrong.
func (d decodedData) open(key SessionKey, kind Kind, account Account, now time.Time) (Opened, error) {
	aesKey := key.bytes()
	block, err := aes.NewCipher(aesKey[:])
	if err != nil {
		return Opened{}, ErrBadData
	}
	plain := make([]byte, len(d.ciphertext))
	cipher.NewCBCDecrypter(block, d.iv[:]).CryptBlocks(plain, d.ciphertext)
	text, padded := unpad(plain)
	opened, err := parseOpened(text, kind, account)
	if err != nil || !padded || !d.valid || !opened.fresh(now) {
		return Opened{}, ErrBadData
	}
	return opened, nil
}

// unpad removes the padding of PKCS #7: 1 to 16 bytes whose value is their
// number. It examines the whole last block in constant time, and returns the text
// unchanged if the padding is wrong.
func unpad(plain []byte) (text []byte, ok bool) {
	last := plain[len(plain)-aes.BlockSize:]
	size := int(last[aes.BlockSize-1])
	right := subtle.ConstantTimeLessOrEq(1, size) & subtle.ConstantTimeLessOrEq(size, aes.BlockSize)
	for n, char := range last {
		padding := subtle.ConstantTimeLessOrEq(aes.BlockSize-n, size)
		right &= 1 ^ padding | subtle.ConstantTimeByteEq(char, byte(size))
	}
	return plain[:len(plain)-subtle.ConstantTimeSelect(right, size, 0)], right == 1
}

// parseOpened accepts one JSON object with the members of its kind and a watermark, without repetitions.
func parseOpened(text []byte, kind Kind, account Account) (Opened, error) {
	if !utf8.Valid(text) {
		return Opened{}, ErrBadData
	}
	members, err := parseObject(repair(text))
	if err != nil {
		return Opened{}, ErrBadData
	}
	reader := &fieldReader{members: members}
	fields := kind.read(reader)
	mark := reader.object("watermark")
	appID, timestamp := mark.text("appid"), mark.integer("timestamp")
	if reader.failed || mark.failed || appID != account.AppID {
		return Opened{}, ErrBadData
	}
	if info, ok := fields.(*UserInfo); ok && info.OpenID != "" && info.OpenID != account.OpenID {
		return Opened{}, ErrBadData
	}
	return Opened{Kind: kind, Fields: fields, Timestamp: time.Unix(timestamp, 0)}, nil
}

func (o Opened) fresh(now time.Time) bool {
	age := now.Sub(o.Timestamp)
	return -maxAhead <= age && age <= maxAge
}

// signatureMatches reports whether a signature is the hexadecimal SHA-1 of rawData
// followed by the key as text.
func signatureMatches(rawData, signature string, key SessionKey) bool {
	digest := sha1.Sum([]byte(rawData + key.text()))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(digest[:])), []byte(signature)) == 1
}

// CheckEncryptedMessage asks WeChat whether it encrypted a message within the last three
// days, and when (checkEncryptedData, POST /wxa/business/checkencryptedmsg). sha256Hex
// is the hexadecimal SHA-256 of its encryptedData.
func (a *AppTokens) CheckEncryptedMessage(ctx context.Context, credentials Credentials,
	sha256Hex string) (genuine bool, createdAt time.Time, err error) {
	if digest, err := hex.DecodeString(sha256Hex); err != nil || len(digest) != 32 {
		return false, time.Time{}, &Error{Class: ErrUnavailable, Reason: "not a SHA-256"}
	}
	created, err := withAppToken(ctx, a, "checkEncryptedData", credentials, func(ctx context.Context,
		token Secret) (time.Time, error) {
		body, err := a.client.post(ctx, "/wxa/business/checkencryptedmsg", withToken(token, nil),
			map[string]string{"encrypted_msg_hash": strings.ToLower(sha256Hex)})
		if err != nil {
			return time.Time{}, err
		}
		return parseMessageCheck(body)
	})
	return err == nil && !created.IsZero(), created, err
}

// noSuchMessage is the errcode for a message that WeChat does not know: it did not encrypt it, did so more than three
// days ago, or for another app. An older form of the answer has "vaild":false instead.
const noSuchMessage = 1

// parseMessageCheck returns when a message was encrypted, or the zero time for
// one that WeChat does not know.
func parseMessageCheck(body []byte) (time.Time, error) {
	members, err := parseAnswer(body, nil)
	if failed, ok := errors.AsType[*Error](err); ok && failed.Errcode == noSuchMessage {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	switch string(members["vaild"]) { // WeChat's spelling
	case "false":
		return time.Time{}, nil
	case "true":
	default:
		return time.Time{}, outage("no result of the check")
	}
	seconds, err := members.integer("create_time")
	if err != nil || seconds <= 0 {
		return time.Time{}, outage("no time of the message")
	}
	return time.Unix(int64(seconds), 0), nil
}
