package verify

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type twoMembers struct {
	A string          `json:"a"`
	B json.RawMessage `json:"b"`
}

func TestObjectsAreRead(t *testing.T) {
	for text, want := range map[string]twoMembers{
		`{}`:                              {},
		" {\t} \r\n":                      {},
		`{"a":"x"}`:                       {A: "x"},
		` { "a" : "x" , "b" : [ 1 , 2 ]}`: {A: "x", B: []byte(`[ 1 , 2 ]`)},
		`{"b":{"a":"\"}","c":[{},[]]}}`:   {B: []byte(`{"a":"\"}","c":[{},[]]}`)},
		`{"\u0061":"\\\"{"}`:              {A: `\"{`},
		`{"A":"y","a":"x","":1}`:          {A: "x"},
		`{"b":-1.5e3}`:                    {B: []byte(`-1.5e3`)},
		`{"b":"a\\","a":"x"}`:             {A: "x", B: []byte(`"a\\"`)},
		`{"b":[{"x":1},{"x":1}]}`:         {B: []byte(`[{"x":1},{"x":1}]`)},
		`{"b":true,"a":"",  "x":null}`:    {B: []byte(`true`)},
	} {
		var got twoMembers
		if err := readObject([]byte(text), &got); err != nil {
			t.Fatal(text, err)
		}
		requireEqual(t, want, got)
	}
	for text, want := range map[string]error{
		``:                            errNotJSON,
		`{`:                           errNotJSON,
		`{"a":"x",}`:                  errNotJSON,
		`{"a":"x"}{}`:                 errNotJSON,
		`{"a":"` + "\xc0" + `"}`:      errNotJSON,
		`[]`:                          errNoObject,
		`null`:                        errNoObject,
		`{"a":"x","a":"x"}`:           errTwice,
		`{"x":1,"\u0078":2}`:          errTwice,
		`{"b":[[{"x":1,"x":2}]]}`:     errTwice,
		`{"b":{"y":{"x":{},"x":[]}}}`: errTwice,
		`{"a":null}`:                  errNull,
		`{"b":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}`:           errTooDeep,
		`{"b":` + strings.Repeat(`{"x":`, 17) + `1` + strings.Repeat("}", 17) + `}`: errTooDeep,
	} {
		if err := readObject([]byte(text), &twoMembers{}); !errors.Is(err, want) {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if err := readObject([]byte(`{"a":1}`), &twoMembers{}); err == nil {
		t.Fatal("a number was taken for a string")
	}
}

// FuzzReadObject compares the scanner with encoding/json: they agree on everything that both accept.
func FuzzReadObject(f *testing.F) {
	for _, text := range []string{`{"a":"x","b":[1,{"c":"\"\\"}]}`, `{"\u0061":"x"}`,
		"{ \"b\" :\n-1e5 , \"a\":\"\"}", `{"b":{"":{"":[[]]}}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got twoMembers
		if readObject(text, &got) != nil {
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		requireEqual(t, string(members["b"]), string(got.B))
		if members["a"] != nil {
			var a string
			if err := json.Unmarshal(members["a"], &a); err != nil || a != got.A {
				t.Fatalf("%q, not %q: %v", got.A, a, err)
			}
		}
	})
}
