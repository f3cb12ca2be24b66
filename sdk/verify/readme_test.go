package verify

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeShowsTheExamples compares the code in the README with the examples.
func TestReadmeShowsTheExamples(t *testing.T) {
	text := func(name string) string {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(content), "\r\n", "\n")
	}
	readme := text("README.md")
	bodies := regexp.MustCompile(`(?ms)^func Example.*?{\n(.*?)^}\n`)
	examples := bodies.FindAllStringSubmatch(text("example_test.go"), -1)
	requireEqual(t, 2, len(examples))
	for _, example := range examples {
		body := strings.ReplaceAll("\n"+example[1], "\n\t", "\n")
		if !strings.Contains(readme, "```go"+body+"```\n") {
			t.Errorf("README.md does not have:%s", body)
		}
	}
}
