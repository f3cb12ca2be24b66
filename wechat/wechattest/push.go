package wechattest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How pushes are sent.
const (
	PushPlain      = "plain"      // 明文模式
	PushCompatible = "compatible" // 兼容模式: in clear and encrypted
	PushSecure     = "secure"     // 安全模式: encrypted
)

// PushSettings are what a developer enters so that an app's messages are pushed.
// https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
type PushSettings struct {
	AppID          string `json:"appid"`
	URL            string `json:"url"`
	Token          string `json:"token"`            // 3 to 32 letters and digits
	EncodingAESKey string `json:"encoding_aes_key"` // 43 letters and digits; may be empty in the mode plain
	Mode           string `json:"mode,omitempty"`   // default PushSecure
	Format         string `json:"format,omitempty"` // of messages: "json", the default, or "xml"
}

// PushMessage is a message that is to be pushed about a user.
type PushMessage struct {
	AppID      string `json:"appid"`
	User       string `json:"user"`                  // a name, from which the openid is derived
	OpenID     string `json:"openid,omitempty"`      // instead
	Event      string `json:"event"`                 // such as "user_authorization_revoke"; empty: a text message
	RevokeInfo string `json:"revoke_info,omitempty"` // of that event
	CreateTime int64  `json:"create_time,omitempty"` // Unix time in seconds; default: now
}

// Pushed is the outcome of a push.
type Pushed struct {
	Tries        int    `json:"tries"`        // at most three
	Acknowledged bool   `json:"acknowledged"` // the last answer was "success" or empty, with status 200
	Status       int    `json:"status"`       // of the last answer; 0: there was none within five seconds
	Answer       string `json:"answer"`
}

const (
	pushTimeout = 5 * time.Second
	pushTries   = 3
	maxAnswer   = 4 << 10
)

// pusher pushes messages.
type pusher struct {
	*platform
	settings *limitedMap[string, PushSettings]
	client   *http.Client
}

func newPusher(shared *platform) *pusher {
	return &pusher{shared, newLimitedMap[string, PushSettings](maxApps), &http.Client{
		Timeout: pushTimeout,
		// WeChat follows no redirects
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// SetPush sets how the messages of an app are pushed. As WeChat does when a developer submits the settings, it first
// verifies the URL, and changes nothing unless the answer repeats echostr.
func (p *pusher) SetPush(settings PushSettings) error {
	if settings.Mode == "" {
		settings.Mode = PushSecure
	}
	if settings.Format == "" {
		settings.Format = "json"
	}
	if err := settings.validate(); err != nil {
		return err
	}
	p.mutex.Lock()
	_, err := p.app(settings.AppID)
	query, echo := p.signed(settings), strconv.FormatUint(binary.BigEndian.Uint64(p.bytes(8)), 10)
	p.mutex.Unlock()
	if err != nil {
		return err
	}
	query.Set("echostr", echo)
	status, answer, err := p.request(http.MethodGet, settings.URL, query, nil)
	if err != nil {
		return fmt.Errorf("url: no answer to the verification: %w", err)
	}
	if status != http.StatusOK || answer != echo {
		return fmt.Errorf("url: status %d, and the answer to the verification is not echostr", status)
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.settings.put(settings.AppID, settings)
	return nil
}

func (s PushSettings) validate() error {
	switch {
	case webURL(s.URL) == nil:
		return errors.New("url: must be an http or https URL")
	case len(s.Token) < 3 || len(s.Token) > 32 || !alphanumeric(s.Token):
		return errors.New("token: must be 3 to 32 letters and digits")
	case !slices.Contains([]string{PushPlain, PushCompatible, PushSecure}, s.Mode):
		return fmt.Errorf("mode: unknown mode %q", s.Mode)
	case s.Format != "json" && s.Format != "xml":
		return errors.New(`format: must be "json" or "xml"`)
	case s.EncodingAESKey == "" && s.Mode == PushPlain:
		return nil
	case len(s.EncodingAESKey) != 43 || !alphanumeric(s.EncodingAESKey):
		return errors.New("encoding_aes_key: must be 43 letters and digits")
	}
	return nil
}

func alphanumeric(text string) bool {
	return strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// Push sends a message and returns the outcome. If it is not acknowledged, it is sent again with the same body, at most
// three times in all.
func (p *pusher) Push(message PushMessage) (Pushed, error) {
	p.mutex.Lock()
	settings, query, body, err := p.prepare(message)
	p.mutex.Unlock()
	if err != nil {
		return Pushed{}, err
	}
	var pushed Pushed
	for pushed.Tries < pushTries && !pushed.Acknowledged {
		pushed.Tries++
		status, answer, err := p.request(http.MethodPost, settings.URL, query, body)
		pushed.Status, pushed.Answer = status, answer
		pushed.Acknowledged = err == nil && status == http.StatusOK && (answer == "success" || answer == "")
	}
	return pushed, nil
}

// prepare returns the request of a message.
func (p *pusher) prepare(message PushMessage) (settings PushSettings, query url.Values, body []byte, err error) {
	settings, found := p.settings.get(message.AppID)
	if !found {
		return settings, nil, nil, fmt.Errorf("appid: %q has no settings for pushes", message.AppID)
	}
	if message.User == "" && message.OpenID == "" {
		return settings, nil, nil, errors.New("user, openid: one of them is required")
	}
	if message.OpenID == "" {
		message.OpenID = OpenID(message.AppID, message.User)
	}
	if message.CreateTime == 0 {
		message.CreateTime = p.now().Unix()
	}
	text := settings.encode(message.fields())
	query = p.signed(settings)
	query.Set("openid", message.OpenID)
	if settings.Mode == PushPlain {
		return settings, query, text, nil
	}
	encrypted := settings.encrypt(text, p.bytes(16))
	query.Set("encrypt_type", "aes")
	query.Set("msg_signature", signature(settings.Token, query.Get("timestamp"), query.Get("nonce"), encrypted))
	fields := []field{{"ToUserName", "gh_870882ca4b1a"}, {"Encrypt", encrypted}}
	if settings.Mode == PushCompatible {
		fields = append(message.fields(), field{"Encrypt", encrypted})
	}
	return settings, query, settings.encode(fields), nil
}

// signed returns the query of a request, with a signature of the Token.
func (p *pusher) signed(settings PushSettings) url.Values {
	timestamp := strconv.FormatInt(p.now().Unix(), 10)
	nonce := strconv.FormatUint(uint64(binary.BigEndian.Uint32(p.bytes(4))), 10)
	return url.Values{"timestamp": {timestamp}, "nonce": {nonce},
		"signature": {signature(settings.Token, timestamp, nonce)}}
}

// signature returns the hexadecimal SHA-1 of the sorted texts.
func signature(texts ...string) string {
	slices.Sort(texts)
	digest := sha1.Sum([]byte(strings.Join(texts, "")))
	return hex.EncodeToString(digest[:])
}

// field is a member of a message. Its value is a string or an int64.
type field struct {
	name  string
	value any
}

func (m PushMessage) fields() []field {
	if m.Event == "" {
		return []field{{"ToUserName", "gh_870882ca4b1a"}, {"FromUserName", m.OpenID}, {"CreateTime", m.CreateTime},
			{"MsgType", "text"}, {"Content", "hello"}, {"MsgId", m.CreateTime}}
	}
	fields := []field{{"ToUserName", "gh_870882ca4b1a"}, {"FromUserName", "oaKk346BaWE-eIn4oSRWbaM9vR7s"},
		{"CreateTime", m.CreateTime}, {"MsgType", "event"}, {"Event", m.Event}, {"OpenID", m.OpenID},
		{"AppID", m.AppID}}
	if m.RevokeInfo != "" {
		fields = append(fields, field{"RevokeInfo", m.RevokeInfo})
	}
	return fields
}

// encode returns a message in the chosen format.
func (s PushSettings) encode(fields []field) []byte {
	var b bytes.Buffer
	if s.Format == "xml" {
		b.WriteString("<xml>\n")
		for _, f := range fields {
			if number, ok := f.value.(int64); ok {
				fmt.Fprintf(&b, "<%s>%d</%s>\n", f.name, number, f.name)
			} else {
				fmt.Fprintf(&b, "<%s><![CDATA[%s]]></%s>\n", f.name, f.value, f.name)
			}
		}
		b.WriteString("</xml>")
		return b.Bytes()
	}
	members := map[string]any{}
	for _, f := range fields {
		members[f.name] = f.value
	}
	text, _ := json.Marshal(members) // of strings and numbers, it never fails
	return text
}

// encrypt encrypts a message: 16 random bytes, the length in 4 bytes, the message and the AppID, padded to blocks of 32
// bytes, by AES-256-CBC, whose first vector is the beginning of the key.
func (s PushSettings) encrypt(message, random []byte) string {
	key, _ := base64.StdEncoding.DecodeString(s.EncodingAESKey + "=") // validate has checked it
	plain := binary.BigEndian.AppendUint32(random, uint32(len(message)))
	plain = append(append(plain, message...), s.AppID...)
	padding := 32 - len(plain)%32
	plain = append(plain, bytes.Repeat([]byte{byte(padding)}, padding)...)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the size is right
	}
	cipher.NewCBCEncrypter(block, key[:aes.BlockSize]).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}

func (p *pusher) request(method, address string, query url.Values, body []byte) (status int, answer string, err error) {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	request, err := http.NewRequest(method, address+separator+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
		if bytes.HasPrefix(body, []byte("<")) {
			request.Header.Set("Content-Type", "text/xml")
		}
	}
	response, err := p.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, string(text), err
}
