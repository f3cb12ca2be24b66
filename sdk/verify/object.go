package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"unicode/utf8"
)

var (
	errNotJSON  = errors.New("it is not JSON in UTF-8")
	errNoObject = errors.New("it is not an object")
	errTwice    = errors.New("an object has a repeated name")
	errTooDeep  = errors.New("it is nested too deeply")
	errNull     = errors.New("a member is null")
	errNoActor  = errors.New("an actor has no sub")
)

// readObject fills the fields of a struct, each of which has a json tag, from the members of an object. Unlike
// encoding/json, it rejects text that two parsers could read differently: a repeated name, at any depth (RFC 7515 §4,
// RFC 7519 §4), and text that is not UTF-8. Names are compared exactly: "ISS" is not "iss". Members without a field
// are ignored, and null is an error.
func readObject(text []byte, into any) error {
	if !utf8.Valid(text) || !json.Valid(text) {
		return errNotJSON
	}
	s := scanner{text: text}
	if s.next() != '{' {
		return errNoObject
	}
	members, err := s.object(0)
	if err != nil {
		return err
	}
	fields := reflect.ValueOf(into).Elem()
	for n := range fields.NumField() {
		member, there := members[fields.Type().Field(n).Tag.Get("json")]
		if !there {
			continue
		}
		if string(member) == "null" {
			return errNull
		}
		if err := json.Unmarshal(member, fields.Field(n).Addr().Interface()); err != nil {
			return err
		}
	}
	return nil
}

// maxDepth limits the nesting of objects and lists; the claims of a user have at most 8 levels.
const maxDepth = 16

// scanner scans valid JSON.
type scanner struct {
	text []byte
	at   int
}

// next skips white space, and returns the next byte.
func (s *scanner) next() byte {
	for s.at < len(s.text) {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return c
		}
	}
	return 0
}

// object returns the members of an object as raw JSON.
func (s *scanner) object(depth int) (map[string][]byte, error) {
	members := map[string][]byte{}
	s.at++ // the brace
	for s.next() != '}' {
		name, err := s.name()
		if err != nil {
			return nil, err
		}
		s.next()
		s.at++ // the colon
		s.next()
		start := s.at
		if err := s.value(depth + 1); err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, errTwice
		}
		members[name] = s.text[start:s.at]
		if s.next() == ',' {
			s.at++
			s.next()
		}
	}
	s.at++
	return members, nil
}

// value skips a value.
func (s *scanner) value(depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch s.next() {
	case '{':
		_, err := s.object(depth)
		return err
	case '[':
		return s.list(depth)
	case '"':
		s.quoted()
	default:
		for s.at < len(s.text) && bytes.IndexByte([]byte(",]} \t\r\n"), s.text[s.at]) < 0 {
			s.at++
		}
	}
	return nil
}

// list skips a list.
func (s *scanner) list(depth int) error {
	s.at++ // the bracket
	for s.next() != ']' {
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if s.next() == ',' {
			s.at++
		}
	}
	s.at++
	return nil
}

// quoted skips a string, and returns it with its quotes.
func (s *scanner) quoted() []byte {
	start := s.at
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++ // the escaped character may be a quote
		}
	}
	s.at++
	return s.text[start:s.at]
}

// name returns the name of a member, with escapes decoded.
func (s *scanner) name() (string, error) {
	quoted := s.quoted()
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var name string
	err := json.Unmarshal(quoted, &name)
	return name, err
}
