package userimport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	errTooLong   = errors.New("the row has more than 64 KiB")
	errSurrogate = errors.New("the row has an unpaired surrogate: an escape \\ud800 to \\udfff without its other half")
	errDisabled  = errors.New("disabled must be true or false")
	errAccounts  = errors.New("accounts must be a list of objects with app, openid and optionally unionid and platform")
)

// jsonRows reads JSON lines: one object per line.
type jsonRows struct {
	source *inputFile
	line   int
}

// next implements rowReader. It skips empty lines.
func (r *jsonRows) next() (rowFields, error) {
	for {
		text, err := r.source.ReadSlice('\n')
		r.line++
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return rowFields{line: r.line, fault: errTooLong}, r.skip()
		case err != nil && (!errors.Is(err, io.EOF) || len(text) == 0):
			return rowFields{}, err
		}
		if len(bytes.TrimSpace(text)) > 0 {
			fields := rowFields{line: r.line, texts: map[string]string{}}
			fields.fault = fields.parse(text)
			return fields, nil
		}
	}
}

// skip skips the rest of a line.
func (r *jsonRows) skip() error {
	for {
		_, err := r.source.ReadSlice('\n')
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

func (f *rowFields) parse(text []byte) error {
	switch {
	case !utf8.Valid(text):
		return errNotUTF8
	case hasUnpairedSurrogate(text):
		return errSurrogate
	}
	return eachMember(text, func(name string, value json.RawMessage) error {
		switch {
		case name == "roles":
			return parseInto(value, &f.roles, errors.New("roles must be a list of strings"))
		case name == "disabled":
			return parseInto(value, &f.disabled, errDisabled)
		case name == "accounts":
			return f.parseAccounts(value)
		case name == "created_at" && value[0] != '"' && value[0] != 'n':
			f.texts[name] = string(value)
			return nil
		case !slices.Contains(textColumns, name):
			return fmt.Errorf("the row has a member %s, which is unknown", quotedName(name))
		}
		return parseText(f.texts, name, value)
	})
}

// hasUnpairedSurrogate reports whether a text has an escaped surrogate without its other half (RFC 8259 §8.2).
// encoding/json would replace it with another character.
func hasUnpairedSurrogate(text []byte) bool {
	high := false
	for n := 0; n < len(text); n++ {
		if text[n] != '\\' {
			if high {
				return true
			}
			continue
		}
		var code uint64
		if n+5 < len(text) && text[n+1] == 'u' {
			code, _ = strconv.ParseUint(string(text[n+2:n+6]), 16, 32)
			n += 4
		}
		n++
		if low := code>>10 == 0xdc00>>10; low != high {
			return true
		}
		high = code>>10 == 0xd800>>10
	}
	return false
}

func (f *rowFields) parseAccounts(value json.RawMessage) error {
	var accounts []json.RawMessage
	if err := parseInto(value, &accounts, errAccounts); err != nil {
		return err
	}
	for _, account := range accounts {
		texts := map[string]string{}
		err := eachMember(account, func(name string, value json.RawMessage) error {
			if !slices.Contains([]string{"platform", "app", "openid", "unionid"}, name) {
				return errAccounts
			}
			return parseText(texts, name, value)
		})
		if err != nil {
			return errAccounts
		}
		f.accounts = append(f.accounts, texts)
	}
	return nil
}

// eachMember calls member for each member of a JSON object. It rejects duplicate names, of which encoding/json would
// take the last; encoding/json would also ignore case.
func eachMember(text []byte, member func(name string, value json.RawMessage) error) error {
	errObject := errors.New("the row is not one JSON object")
	decoder := json.NewDecoder(bytes.NewReader(text))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('{') {
		return errObject
	}
	var seen []string
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return errObject
		}
		name, _ := token.(string)
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return errObject
		}
		if slices.Contains(seen, name) {
			return fmt.Errorf("the row has a member %s twice", quotedName(name))
		}
		seen = append(seen, name)
		if err := member(name, value); err != nil {
			return err
		}
	}
	if _, err := decoder.Token(); err != nil { // the end of the object
		return errObject
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errObject
	}
	return nil
}

// parseText stores a string. null is the same as omitting the member.
func parseText(texts map[string]string, name string, value json.RawMessage) error {
	var text string
	if err := parseInto(value, &text, fmt.Errorf("%s must be a string", name)); err != nil {
		return err
	}
	texts[name] = text
	return checkText(text)
}

func parseInto(value json.RawMessage, into any, wrong error) error {
	if json.Unmarshal(value, into) != nil {
		return wrong
	}
	return nil
}

var (
	errNotUTF8 = errors.New("the row is not UTF-8: convert the file, for example with: iconv -f GBK -t UTF-8")
	errNUL     = errors.New("the row contains a NUL")
)

// checkText rejects text that is not UTF-8 or contains a NUL.
func checkText(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errNotUTF8
	case strings.ContainsRune(text, 0):
		return errNUL
	}
	return nil
}
