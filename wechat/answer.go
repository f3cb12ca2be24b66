package wechat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxIdentifier limits openid and unionid, in bytes. WeChat's have about 28.
const maxIdentifier = 128

var errMalformed = errors.New("wechat: malformed answer")

// parseLogin reads the answer of code2Session. WeChat reports failures with HTTP status 200, and
// may or may not add "errcode":0 to a success, so both the errcode and the openid are checked.
func parseLogin(body []byte) (Login, error) {
	members, err := parseAnswer(body, exchangeClasses())
	if err != nil {
		return Login{}, err
	}
	openID, unionID, err := members.person()
	if err != nil {
		return Login{}, err
	}
	return Login{OpenID: openID, UnionID: unionID, SessionKey: members.sessionKey()}, nil
}

// exchangeClasses are the errcodes that mean something else when a code is exchanged than in calls with an app's
// access token: there is no such token, so the AppSecret is wrong.
func exchangeClasses() map[int]error { return map[int]error{40001: ErrMisconfigured} }

// person returns the ids of the user. An implausible one is an outage: an answer that
// we do not understand must not create an account.
func (o object) person() (openID, unionID string, err error) {
	openID, err = o.text("openid")
	if err != nil || !plausibleIdentifier(openID) {
		return "", "", outage("no plausible openid")
	}
	unionID, err = o.text("unionid")
	if err != nil || unionID != "" && !plausibleIdentifier(unionID) {
		return "", "", outage("implausible unionid")
	}
	return openID, unionID, nil
}

// sessionKey returns the key of a login, or the zero key if it is malformed: it is not
// needed to sign the user in, only to decrypt data.
func (o object) sessionKey() SessionKey {
	text, err := o.text("session_key")
	if err != nil {
		return SessionKey{}
	}
	key, _ := ParseSessionKey(text)
	return key
}

// parseAnswer returns the members of a successful answer, or an *Error. classes
// overrides the classes of errcodes that differ from those of code2Session.
func parseAnswer(body []byte, classes map[int]error) (object, error) {
	members, err := parseObject(repair(body))
	if err != nil {
		return nil, outage("malformed answer")
	}
	errcode, err := members.integer("errcode")
	if err != nil {
		return nil, outage("malformed errcode")
	}
	if errcode == 0 {
		return members, nil
	}
	errmsg, _ := members.text("errmsg")
	failure := refusal(errcode, errmsg)
	if class, ok := classes[errcode]; ok {
		failure.Class = class
	}
	return nil, failure
}

// object holds the members of a JSON object by their exact names, unlike
// encoding/json, which would take "OpenID" for "openid".
type object map[string]json.RawMessage

const byteOrderMark = '\ufeff'

// repair removes a byte order mark, and escapes control characters within strings. Neither is valid in JSON, but WeChat
// passes on nicknames with both.
func repair(body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte(string(byteOrderMark)))
	repaired := make([]byte, 0, len(body))
	inString, escaped := false, false
	for _, char := range body {
		switch {
		case inString && char < ' ':
			repaired = fmt.Appendf(repaired, `\u%04x`, char)
			escaped = false
			continue
		case escaped:
			escaped = false
		case char == '\\':
			escaped = inString
		case char == '"':
			inString = !inString
		}
		repaired = append(repaired, char)
	}
	return repaired
}

// parseObject accepts one JSON object with distinct names and nothing after it.
func parseObject(body []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errMalformed
	}
	members := object{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, errMalformed
		}
		name, isName := token.(string)
		if _, known := members[name]; known || !isName {
			return nil, errMalformed
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, errMalformed
		}
		members[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errMalformed
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errMalformed
	}
	return members, nil
}

// integer returns a member that is a whole number or, as in some samples of
// WeChat's documentation, a string of one. It returns 0 if the member is absent.
func (o object) integer(name string) (int, error) {
	raw, present := o[name]
	if !present {
		return 0, nil
	}
	text := string(raw)
	if raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return 0, errMalformed
		}
	}
	return strconv.Atoi(text)
}

// text returns a member that is a string, or "" if it is absent or null.
func (o object) text(name string) (string, error) {
	raw, present := o[name]
	if !present || string(raw) == "null" {
		return "", nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", errMalformed
	}
	return text, nil
}

// plausibleIdentifier accepts printable ASCII without spaces. Identifiers become keys
// of accounts: an empty or truncated one could give many people the same account.
func plausibleIdentifier(id string) bool { return plausibleText(id, maxIdentifier) }

func plausibleText(text string, most int) bool {
	if text == "" || len(text) > most {
		return false
	}
	for _, char := range []byte(text) {
		if char <= ' ' || char >= 0x7f {
			return false
		}
	}
	return true
}
