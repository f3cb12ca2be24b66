package wechattest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A Variant is a form of answers that was observed at the real platform. The zero value is
// the usual one.
type Variant struct {
	// of a success: "absent", "zero" or "quoted"; "quoted" is for errors too
	Errcode string `json:"errcode"`
	// in errmsg: "" (", rid: x"), "space" (" rid: x"), "hints" or "hint"
	RID               string `json:"rid"`
	EscapedSlashes    bool   `json:"escaped_slashes"`     // "/" is written as "\/"
	ExtraFields       bool   `json:"extra_fields"`        // unknown members
	EmptyOpenID       bool   `json:"empty_openid"`        // a success without an openid
	CountryCodeNumber bool   `json:"country_code_number"` // countryCode is a number
	VaildFalse        bool   `json:"vaild_false"`         // "vaild":false, not errcode 1, for an unknown message
	// errcode for a used code after its five minutes; default 40029
	UsedThenExpired int `json:"used_then_expired"`
}

// An answer is the response of an endpoint. WeChat's errors have HTTP status 200 too.
type answer struct {
	errcode     int
	errmsg      string
	members     map[string]any
	omitErrcode bool      // a success has no errcode, unless the variant has one
	picture     *response // instead of JSON
}

func failWith(errcode int) *answer {
	return &answer{errcode: errcode, errmsg: message(errcode)}
}

func failWithAddress(remote netip.Addr) *answer {
	mapped := netip.AddrFrom16(remote.As16())
	return &answer{
		errcode: 40164,
		errmsg:  fmt.Sprintf("invalid ip %v ipv6 %v, not in whitelist", remote, mapped),
	}
}

// encode returns the body of an answer.
func (s *platform) encode(given *answer) []byte {
	members := map[string]any{}
	for name, value := range given.members {
		members[name] = value
	}
	if s.variant.EmptyOpenID && given.members["openid"] != nil {
		members["openid"] = ""
	}
	if s.variant.ExtraFields {
		members["is_new_field"] = map[string]any{"depth": []int{1, 2}, "openid": "nested"}
	}
	s.encodeErrcode(members, given)
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(members)
	text := bytes.TrimRight(body.Bytes(), "\n")
	if s.variant.EscapedSlashes {
		text = bytes.ReplaceAll(text, []byte("/"), []byte(`\/`))
	}
	return text
}

func (s *platform) encodeErrcode(members map[string]any, given *answer) {
	style := s.variant.Errcode
	switch {
	case given.errcode != 0:
		members["errmsg"] = given.errmsg + s.requestID()
	case style == "absent", style == "" && given.omitErrcode:
		return
	default:
		members["errmsg"] = "ok"
	}
	members["errcode"] = given.errcode
	if style == "quoted" {
		members["errcode"] = strconv.Itoa(given.errcode)
	}
}

// requestID returns the end of an errmsg, with a fresh id.
func (s *platform) requestID() string {
	drawn := s.bytes(8)
	id := fmt.Sprintf("%08x-%08x-%08x", uint32(s.now().Unix()), drawn[:4], drawn[4:])
	switch s.variant.RID {
	case "space":
		return " rid: " + id
	case "hints":
		return ", hints: [ req_id: " + strings.ReplaceAll(id, "-", "") + " ]"
	case "hint":
		return " hint: [" + strings.ReplaceAll(id, "-", "") + "]"
	}
	return ", rid: " + id
}

// message returns WeChat's text for an errcode.
func message(errcode int) string {
	switch errcode {
	case -1:
		return "system error"
	case 1:
		return "data not exist"
	case 40001:
		return "invalid credential, access_token is invalid or not latest"
	case 40002:
		return "invalid grant_type"
	case 40003:
		return "invalid openid"
	case 40013:
		return "invalid appid"
	case 40014:
		return "invalid access_token"
	case 40029:
		return "invalid code"
	case 40097:
		return "invalid args"
	case 40125:
		return "invalid appsecret"
	case 40129:
		return "invalid scene"
	case 40163:
		return "code been used"
	case 40169:
		return "invalid length for scene, or the data is not json string"
	case 40226:
		return "code blocked"
	case 41001:
		return "access_token missing"
	case 41002:
		return "appid missing"
	case 41004:
		return "appsecret missing"
	case 41008:
		return "missing code"
	case 41009:
		return "missing openid"
	case 41030:
		return "invalid page"
	case 42001:
		return "access_token expired"
	case 43001:
		return "require GET method"
	case 43002:
		return "require POST method"
	case 44002:
		return "empty post data"
	case 45009:
		return "reach max api daily quota limit"
	case 45011:
		return "api minute-quota reach limit, must slower, retry next minute"
	case 47001:
		return "data format error"
	case 48001:
		return "api unauthorized"
	case 85096:
		return "not allow include scancode_time field"
	case 87008:
		return "invalid sig_method"
	case 87009:
		return "invalid signature"
	}
	return cmp.Or(linkMessages[errcode], "simulated failure")
}
