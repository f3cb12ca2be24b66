package verify

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeShowsTheExample compares the code in the README with the example.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	text := func(b []byte) string { return strings.ReplaceAll(string(b), "\r\n", "\n") }
	_, body, _ := strings.Cut(text(example), "func Example() {\n")
	body, _, _ = strings.Cut(body, "\n}\n")
	_, shown, _ := strings.Cut(text(readme), "```go\n")
	shown, _, _ = strings.Cut(shown, "\n```")
	requireEqual(t, strings.ReplaceAll("\n"+body, "\n\t", "\n"), "\n"+shown)
}
