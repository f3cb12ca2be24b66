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

// A fieldReader removes members from an object. finish reports invalid members and those
// that were left over.
type fieldReader struct {
	left   object
	failed bool
}

func (r *fieldReader) fail() { r.failed = true }

func (r *fieldReader) has(name string) bool {
	_, present := r.left[name]
	return present
}

func (r *fieldReader) take(name string) json.RawMessage {
	raw, present := r.left[name]
	if !present {
		r.fail()
	}
	delete(r.left, name)
	return raw
}

// finish returns an error if a member was missing, wrong or unknown.
func (r *fieldReader) finish() error {
	if r.failed || len(r.left) > 0 {
		return ErrBadData
	}
	return nil
}

// text takes a string without control characters. encoding/json replaces an unpaired surrogate with
// U+FFFD.
func (r *fieldReader) text(name string) string {
	var text string
	raw := r.take(name)
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &text) != nil || len(text) > maxFieldText ||
		strings.ContainsFunc(text, unfit) {
		r.fail()
		return ""
	}
	return text
}

func unfit(char rune) bool { return char < ' ' || char == 0x7f || char == utf8.RuneError }

func (r *fieldReader) optionalText(name string) string {
	if !r.has(name) {
		return ""
	}
	return r.text(name)
}

// identifier takes an openid, unionid or openGId.
func (r *fieldReader) identifier(name string) string {
	id := r.text(name)
	if !plausibleIdentifier(id) {
		r.fail()
	}
	return id
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
	text, err := r.left.digits(name)
	if r.take(name); err != nil {
		r.fail()
	}
	return text
}

// picture takes the URL of a picture, or "" if the member is absent. It must be https, so
// that showing it cannot run a script.
func (r *fieldReader) picture(name string) string {
	text := r.optionalText(name)
	address, err := url.Parse(text)
	if text != "" && (err != nil || address.Scheme != "https" || address.Host == "") {
		r.fail()
	}
	return text
}

// object takes an object. If there is none, the reader fails.
func (r *fieldReader) object(name string) *fieldReader {
	members, err := parseObject(r.take(name))
	if err != nil {
		r.fail()
	}
	return &fieldReader{left: members}
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
		readers = append(readers, &fieldReader{left: members})
	}
	return readers
}
