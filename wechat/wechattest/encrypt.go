package wechattest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Plaintext describes data to encrypt for a user. The user must have logged in before,
// since a login creates the session key.
type Plaintext struct {
	AppID string `json:"appid"`
	User  string `json:"user"`
	// "phone", "user", "share", "group" or "steps"; ignored if Data is set
	Kind             string         `json:"kind"`
	Data             map[string]any `json:"data"`              // the payload itself, without the watermark
	WatermarkAppID   string         `json:"watermark_appid"`   // default AppID
	WatermarkAge     int            `json:"watermark_age"`     // seconds into the past
	WithoutWatermark bool           `json:"without_watermark"` // as in very old payloads
}

// Encrypted is the result of wx.getUserProfile and similar calls in a mini-program.
type Encrypted struct {
	EncryptedData string `json:"encryptedData"` // Base64 of AES-128-CBC with PKCS #7
	IV            string `json:"iv"`            // Base64 of 16 bytes
	RawData       string `json:"rawData"`
	Signature     string `json:"signature"` // hexadecimal SHA-1 of RawData and the session key as text
}

// encryption encrypts data for mini-programs, and remembers its hashes.
type encryption struct {
	*platform
	*appTokens
	*logins
	*phoneNumbers
	sealed *limitedMap[ciphertext, time.Time]
}

// Encrypt encrypts a payload with the user's current session key.
func (s *encryption) Encrypt(plain Plaintext) (Encrypted, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	current, found := s.sessions.get(subject{plain.AppID, OpenID(plain.AppID, plain.User)})
	if !found {
		return Encrypted{}, errors.New("user: has not logged in to the app")
	}
	payload, err := s.payload(plain)
	if err != nil {
		return Encrypted{}, err
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return Encrypted{}, fmt.Errorf("data: %w", err)
	}
	iv := s.bytes(aes.BlockSize)
	sealed, err := seal(current.key, iv, text)
	if err != nil {
		return Encrypted{}, err
	}
	encrypted := base64.StdEncoding.EncodeToString(sealed)
	if payload["purePhoneNumber"] != nil {
		s.sealed.put(newCiphertext(plain.AppID, encrypted), s.now())
	}
	raw := `{"nickName":"微信用户","gender":0,"language":"","city":"","province":"","country":"","avatarUrl":""}`
	digest := sha1.Sum([]byte(raw + current.key))
	return Encrypted{
		EncryptedData: encrypted,
		IV:            base64.StdEncoding.EncodeToString(iv),
		RawData:       raw,
		Signature:     hex.EncodeToString(digest[:]),
	}, nil
}

func (s *encryption) payload(plain Plaintext) (map[string]any, error) {
	now := s.now().Add(-time.Duration(plain.WatermarkAge) * time.Second)
	payload := map[string]any{}
	switch {
	case plain.Data != nil:
		for name, value := range plain.Data {
			payload[name] = value
		}
	case plain.Kind == "phone":
		payload = s.phonePayload(plain.AppID, plain.User)
	case plain.Kind == "user":
		payload = s.userPayload(plain.AppID, plain.User)
	case plain.Kind == "share":
		payload["openGId"] = identifier("group", plain.AppID, plain.User)
	case plain.Kind == "group":
		payload["opengid"] = identifier("group", plain.AppID, plain.User)
		payload["open_single_roomid"] = ""
		payload["group_openid"] = identifier("member", plain.AppID, plain.User)
		payload["chat_type"] = 3
	case plain.Kind == "steps":
		day := now.Truncate(24 * time.Hour).Unix()
		payload["stepInfoList"] = []map[string]any{{"timestamp": day - 86400, "step": 4200},
			{"timestamp": day, "step": 1700}}
	default:
		return nil, fmt.Errorf("kind: %q is not phone, user, share, group or steps", plain.Kind)
	}
	if s.variant.ExtraFields {
		payload["is_new_field"] = []string{"x"}
	}
	appID := plain.WatermarkAppID
	if appID == "" {
		appID = plain.AppID
	}
	payload["watermark"] = watermark(appID, now)
	if plain.WithoutWatermark {
		delete(payload, "watermark")
	}
	return payload, nil
}

// userPayload contains no data of the user except the ids, like WeChat's payloads since 2021.
func (s *encryption) userPayload(appID, user string) map[string]any {
	payload := map[string]any{
		"openId": OpenID(appID, user), "nickName": "微信用户", "gender": 0, "language": "",
		"city": "", "province": "", "country": "", "avatarUrl": "",
	}
	if known, err := s.app(appID); err == nil && known.OpenPlatform != "" {
		payload["unionId"] = UnionID(known.OpenPlatform, user)
	}
	return payload
}

func watermark(appID string, at time.Time) map[string]any {
	return map[string]any{"appid": appID, "timestamp": at.Unix()}
}

// seal encrypts with AES-128-CBC; a padding of PKCS #7 always has 1 to 16
// bytes, a whole block if the text fills its last one.
func seal(sessionKey string, iv, text []byte) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(sessionKey)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	missing := aes.BlockSize - len(text)%aes.BlockSize
	padded := slices.Concat(text, bytes.Repeat([]byte{byte(missing)}, missing))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	return padded, nil
}
