package settings

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/internal/pattern"
	"github.com/lingpai/lingpai/internal/spelling"
)

// UnknownKeyError means that there is no setting for a key or a variable, for example because it is misspelt.
type UnknownKeyError struct {
	Name    string // with the name of the file, if it is in one
	Nearest string // the name that was probably meant; may be empty
}

// Error implements error.
func (e UnknownKeyError) Error() string {
	suggestion := ""
	if e.Nearest != "" {
		suggestion = "; did you mean " + e.Nearest + "?"
	}
	return e.Name + ": unknown setting" + suggestion + "; \"lingpai serve --help\" lists all"
}

// testVariables is the prefix of variables with the addresses of servers for tests.
const testVariables = "LINGPAI_TEST_"

// unknownVariables returns an error for each unknown variable, so that a misspelt one is not silently replaced by a
// default.
func unknownVariables() []error {
	known := []string{"LINGPAI_CONFIG"}
	for _, s := range table() {
		known = append(known, s.variable(), s.variable()+"_FILE")
	}
	var faults []error
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "LINGPAI_") && !strings.HasPrefix(name, testVariables) &&
			!slices.Contains(known, name) && !serviceLink().MatchString(entry) {
			faults = append(faults, UnknownKeyError{name, nearest(name, known)})
		}
	}
	return faults
}

// serviceLink matches the variables that Kubernetes and Docker's links set in every container of a namespace that has a
// service whose name is lingpai or begins with lingpai-.
var serviceLink = pattern.Lazy(`^LINGPAI_([A-Z0-9_]+_)?(` +
	`SERVICE_HOST=|SERVICE_PORT(_[A-Z0-9_]+)?=\d+$|PORT=(tcp|udp|sctp)://|` +
	`PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=)`)

// unknownKeys returns an error for each unknown key of a file, with its path. A section may be empty, for example since
// all of its settings are comments.
func unknownKeys(keys []string, isEmpty func(key string) bool, path string) []error {
	var known []string
	for _, s := range table() {
		known = append(known, s.key)
	}
	var faults []error
	for _, key := range keys {
		inSection := func(name string) bool { return strings.HasPrefix(name, key+".") }
		if !slices.Contains(known, key) && (!isEmpty(key) || !slices.ContainsFunc(known, inSection)) {
			faults = append(faults, UnknownKeyError{fmt.Sprintf("%s (in %s)", key, path), nearest(key, known)})
		}
	}
	return faults
}

// nearest returns the known name that differs least from a name, or that ends with it, or "" if all are too different.
func nearest(name string, known []string) (found string) {
	least := 1 + len(name)/6
	tail := strings.TrimPrefix(name, "LINGPAI_")
	for _, candidate := range known {
		if strings.HasSuffix(candidate, "."+tail) || strings.HasSuffix(candidate, "_"+tail) {
			found = candidate // unless another is nearer
		}
	}
	for _, candidate := range known {
		if d := spelling.Distance(name, candidate); d < least {
			found, least = candidate, d
		}
	}
	return found
}
