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
	errTooLong  = errors.New("the row has more than 64 KiB")
	errHalf     = errors.New("the row has half of a character: an escape \\ud800 to \\udfff without its other half")
	errDisabled = errors.New("disabled is true or false")
	errAccounts = errors.New("accounts is a list of objects with app, openid and, if need be, unionid and platform")
)

// jsonRows reads JSON lines: an object on each.
type jsonRows struct {
	source *inputFile
	line   int
}

// next implements rowReader. Lines without anything on them are left out.
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

// skip reads the rest of a line.
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
	case hasHalves(text):
		return errHalf
	}
	return eachMember(text, func(name string, value json.RawMessage) error {
		switch {
		case name == "roles":
			return parseInto(value, &f.roles, errors.New("roles is a list of texts"))
		case name == "disabled":
			return parseInto(value, &f.disabled, errDisabled)
		case name == "accounts":
			return f.parseAccounts(value)
		case name == "created_at" && value[0] != '"' && value[0] != 'n':
			f.texts[name] = string(value)
			return nil
		case !slices.Contains(textColumns, name):
			return fmt.Errorf("the row has a member %s, which is not known", quotedName(name))
		}
		return parseText(f.texts, name, value)
	})
}

// hasHalves looks for surrogates that stand alone (RFC 8259 §8.2), of which encoding/json would make another character.
func hasHalves(text []byte) bool {
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

// eachMember goes through a JSON object, in which every name stands once. encoding/json would take the last
// of several, and any capitals.
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

// parseText keeps a text. null is as good as leaving it out.
func parseText(texts map[string]string, name string, value json.RawMessage) error {
	var text string
	if err := parseInto(value, &text, fmt.Errorf("%s is a text, in quotes", name)); err != nil {
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
	errNotUTF8 = errors.New("the row is not UTF-8: convert the file, as with: iconv -f GBK -t UTF-8")
	errNUL     = errors.New("the row has a NUL in it")
)

// checkText refuses what no text of a person has.
func checkText(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errNotUTF8
	case strings.ContainsRune(text, 0):
		return errNUL
	}
	return nil
}
