package identity

import (
	"bytes"
	"encoding/json"
)

// UnambiguousJSON reports whether a text begins with a JSON value that all parsers read in the same way: without
// repeated names and numbers out of range of a float64. Objects and arrays may be at most depth in each other.
func UnambiguousJSON(text []byte, depth int) bool {
	return unambiguous(json.NewDecoder(bytes.NewReader(text)), depth)
}

// unambiguous reads one value and everything nested in it.
func unambiguous(d *json.Decoder, depth int) bool {
	token, err := d.Token()
	delimiter, nested := token.(json.Delim)
	if err != nil || !nested || depth == 0 {
		return err == nil && !nested
	}
	names := map[any]bool{}
	for d.More() {
		if delimiter == '{' {
			name, err := d.Token()
			if err != nil || names[name] {
				return false
			}
			names[name] = true
		}
		if !unambiguous(d, depth-1) {
			return false
		}
	}
	_, err = d.Token() // the closing delimiter
	return err == nil
}
