package pages

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

//go:embed words/*.json
var catalogs embed.FS

// words are the texts of the pages in one language, by key. A text may contain {names} of values.
type words map[string]string

// wordsOf returns the words of several catalogs in a language.
func wordsOf(lang string, catalogs ...fs.FS) words {
	all := words{}
	for _, catalog := range catalogs {
		text, err := fs.ReadFile(catalog, "words/"+lang+".json")
		if err == nil {
			err = json.Unmarshal(text, &all) // adds to the map
		}
		if err != nil {
			panic(err) // tests read all of them
		}
	}
	return all
}

// say returns a text as HTML. It may contain one value, given as its name and itself, which is cleaned, escaped and
// isolated from the direction of the text around it.
func (w words) say(key string, value ...string) (template.HTML, error) {
	text, found := w[key]
	if !found {
		return "", fmt.Errorf("no words for %q", key)
	}
	text = template.HTMLEscapeString(text)
	if len(value) == 2 {
		escaped := template.HTMLEscapeString(shown(value[1]))
		text = strings.ReplaceAll(text, "{"+value[0]+"}", "<bdi>"+escaped+"</bdi>")
	}
	return template.HTML(text), nil
}

// has reports whether there is a text with a key.
func (w words) has(key string) bool {
	_, found := w[key]
	return found
}

// count returns a text about a number of things, which is {n}.
func (w words) count(key string, n int) (template.HTML, error) {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return w.say(key+form, "n", strconv.Itoa(n))
}

// minutes returns a text about a time to wait, in minutes, of which a part counts as a whole one.
func (w words) minutes(key string, wait time.Duration) (template.HTML, error) {
	return w.count(key, max(1, int((wait+time.Minute-1)/time.Minute)))
}

// ago returns how long ago somebody signed in.
func (w words) ago(age time.Duration) (template.HTML, error) {
	switch hours := int(age / time.Hour); {
	case hours < 1:
		return w.say("ago.now")
	case hours < 24:
		return w.count("ago.hours", hours)
	default:
		return w.count("ago.days", hours/24)
	}
}

// elapsed returns a text about a time that has passed: in seconds if it is less than two minutes, or in minutes.
func (w words) elapsed(key string, passed time.Duration) (template.HTML, error) {
	if passed < 2*time.Minute {
		return w.count(key+".seconds", max(1, int(passed/time.Second)))
	}
	return w.count(key+".minutes", int(passed/time.Minute))
}

// scope returns what a scope allows, in words.
func (w words) scope(name string) (template.HTML, error) {
	if key := "scope." + name; w.has(key) {
		return w.say(key)
	}
	return w.say("scope", "scope", name)
}
