package wechat

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFieldText limits a text within encrypted data, in bytes.
const maxFieldText = 1024

// A fieldReader reads members of an object. It fails if one of them is missing or has the wrong type. Other members are
// ignored, since WeChat adds some without notice.
type fieldReader struct {
	members object
	failed  bool
}

func (r *fieldReader) fail() { r.failed = true }

func (r *fieldReader) has(name string) bool {
	_, present := r.members[name]
	return present
}

func (r *fieldReader) take(name string) json.RawMessage {
	raw, present := r.members[name]
	if !present {
		r.fail()
	}
	return raw
}

// words takes a string that people wrote, and drops its control characters.
func (r *fieldReader) words(name string) string {
	var text string
	raw := r.take(name)
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil || len(text) > maxFieldText ||
		strings.ContainsRune(text, utf8.RuneError) { // what encoding/json makes of an unpaired surrogate
		r.fail()
		return ""
	}
	return strings.Map(func(char rune) rune {
		if isControl(char) {
			return -1
		}
		return char
	}, text)
}

func isControl(char rune) bool { return char < ' ' || char == 0x7f || char == byteOrderMark }

func (r *fieldReader) optionalWords(name string) string {
	if !r.has(name) {
		return ""
	}
	return r.words(name)
}

// text takes a string without control characters.
func (r *fieldReader) text(name string) string {
	text := r.words(name)
	if literal, _ := r.members.text(name); literal != text {
		r.fail()
	}
	return text
}

// identifier takes an openid, unionid or openGId.
func (r *fieldReader) identifier(name string) string {
	id := r.text(name)
	if !plausibleIdentifier(id) {
		r.fail()
	}
	return id
}

// optionalIdentifier takes an identifier, or "" if the member is absent or "".
func (r *fieldReader) optionalIdentifier(name string) string {
	if raw, present := r.members[name]; !present || string(raw) == `""` {
		return ""
	}
	return r.identifier(name)
}

// integer takes a whole number that is not negative.
func (r *fieldReader) integer(name string) int64 {
	number, err := strconv.ParseInt(string(r.take(name)), 10, 64)
	if err != nil || number < 0 {
		r.fail()
	}
	return number
}

func (r *fieldReader) optionalInteger(name string) int64 {
	if !r.has(name) {
		return 0
	}
	return r.integer(name)
}

// digits takes a string of digits or, as in some samples of WeChat's
// documentation, a number.
func (r *fieldReader) digits(name string) string {
	text, err := r.members.digits(name)
	if err != nil || !r.has(name) {
		r.fail()
	}
	return text
}

// picture takes the URL of a picture, or "" if the member is absent. It must be https, so
// that showing it cannot run a script. Those of WeChat's hosts are made https.
func (r *fieldReader) picture(name string) string {
	if !r.has(name) {
		return ""
	}
	text := r.text(name)
	address, err := url.Parse(text)
	switch {
	case text == "":
	case err != nil || address.Host == "":
		r.fail()
	case address.Scheme == "http" && isPictureHost(address.Host):
		address.Scheme = "https"
		return address.String()
	case address.Scheme != "https":
		r.fail()
	}
	return text
}

// isPictureHost reports whether WeChat serves pictures at a host. They can be fetched by https as well, even if
// their addresses say http.
func isPictureHost(host string) bool {
	return strings.HasSuffix(host, ".qlogo.cn") || strings.HasSuffix(host, ".qpic.cn")
}

// object takes an object. If there is none, the reader fails.
func (r *fieldReader) object(name string) *fieldReader {
	members, err := parseObject(r.take(name))
	if err != nil {
		r.fail()
	}
	return &fieldReader{members: members}
}

// objects takes an array of objects.
func (r *fieldReader) objects(name string) []*fieldReader {
	var array []json.RawMessage
	if raw := r.take(name); len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &array) != nil {
		r.fail()
	}
	var readers []*fieldReader
	for _, raw := range array {
		members, err := parseObject(raw)
		if err != nil {
			r.fail()
		}
		readers = append(readers, &fieldReader{members: members})
	}
	return readers
}
