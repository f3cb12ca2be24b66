package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ScopeWords has the texts of scopes on the page that asks for consent, by scope and language.
type ScopeWords map[string]map[string]string

// MaxScopeWords is the size limit of a file with ScopeWords in bytes.
const MaxScopeWords = 20 << 10

const maxScopeText = 80 // characters

// ParseScopeWords reads a JSON file with a text in each of Languages for each scope, such as
//
//	{"orders.read": {"zh-CN": "查看你的订单", "en": "See your orders"}}
//
// It must not have scopes of this server, whose texts are fixed.
func ParseScopeWords(file []byte) (ScopeWords, error) {
	if len(file) > MaxScopeWords {
		return nil, fmt.Errorf("the file has more than %d bytes", MaxScopeWords)
	}
	var all ScopeWords
	if err := json.Unmarshal(file, &all); err != nil {
		return nil, errors.New(`the file is not JSON like {"orders.read": {"zh-CN": "查看订单", "en": "See your orders"}}`)
	}
	fixed := wordsOf(Languages()[0], catalogs)
	for name, texts := range all {
		if fixed.has("scope." + name) {
			return nil, fmt.Errorf("%q is a scope of this server", name)
		}
		if len(texts) != len(Languages()) {
			return nil, fmt.Errorf("%q needs a text in each of %s", name, strings.Join(Languages(), " and "))
		}
		for _, lang := range Languages() {
			if !isScopeText(texts[lang]) {
				return nil, fmt.Errorf("%q needs a text in %s of 1 to %d printable characters", name, lang,
					maxScopeText)
			}
		}
	}
	return all, nil
}

func isScopeText(text string) bool {
	return text != "" && utf8.RuneCountInString(text) <= maxScopeText && text == strings.TrimSpace(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// in adds the texts in a language to its words.
func (s ScopeWords) in(lang string, w words) words {
	for name, texts := range s {
		w["scope."+name] = texts[lang]
	}
	return w
}
