package wechat

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// parsePush reads the texts and numbers of a message in JSON or XML, whichever the operator has chosen at WeChat. It
// ignores nested members. A name that occurs twice is an error, so that nobody reads another value than this server.
func parsePush(body []byte) (map[string]string, error) {
	body = bytes.TrimSpace(body)
	switch {
	case !utf8.Valid(body):
		return nil, ErrBadPush
	case bytes.HasPrefix(body, []byte("<")):
		return parsePushXML(body)
	}
	return parsePushJSON(body)
}

func parsePushJSON(body []byte) (map[string]string, error) {
	members, err := parseObject(repair(body))
	if err != nil {
		return nil, ErrBadPush
	}
	texts := map[string]string{}
	for name, raw := range members {
		switch raw[0] {
		case '{', '[', 't', 'f', 'n':
			continue
		case '"':
			var text string
			if json.Unmarshal(raw, &text) != nil {
				return nil, ErrBadPush
			}
			texts[name] = text
		default: // a number
			texts[name] = string(raw)
		}
	}
	return texts, nil
}

// parsePushXML reads the elements in one element <xml>. WeChat's messages have no directives, so a document type, with
// which a document could declare entities, is an error. So are entities that XML does not define.
func parsePushXML(body []byte) (map[string]string, error) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	texts, depth, name := map[string]string{}, 0, ""
	var text strings.Builder
	for done := false; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && done {
			return texts, nil
		}
		if err != nil {
			return nil, ErrBadPush
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			switch {
			case depth > maxPushDepth || done || depth == 1 && token.Name.Local != "xml":
				return nil, ErrBadPush
			case depth == 2:
				name = token.Name.Local
				text.Reset()
			}
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(token)) > 0 {
				return nil, ErrBadPush
			}
			if depth == 2 {
				text.Write(token)
			}
		case xml.EndElement:
			if depth == 2 {
				if _, known := texts[name]; known {
					return nil, ErrBadPush
				}
				texts[name] = strings.TrimSpace(text.String())
			}
			depth--
			done = depth == 0
		case xml.ProcInst:
			if token.Target != "xml" {
				return nil, ErrBadPush
			}
		case xml.Directive:
			return nil, ErrBadPush
		}
	}
}

// maxPushDepth limits nested elements. Those of WeChat's events have at most four levels.
const maxPushDepth = 16
