package terminal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// labels are how commands name the fields of records: by flag, or by argument. What is empty needs no name.
var labels = map[string]string{
	"client_id": "CLIENT_ID", "grants": "--grant", "scopes": "--scope", "default_scopes": "--default-scope",
	"audience": "--audience", "apps": "--app", "origins": "--origin", "access_ttl": "--access-ttl",
	"idle_ttl": "--idle-ttl", "absolute_ttl": "--absolute-ttl",
	"appid": "", "secret": "", "kind": "--kind", "phone_budget": "--phone-budget",
	"limit": "--limit", "after": "--after", "grace": "--grace", "role": "ROLE", "purpose": "--purpose",
}

// NameFlags names the flag or argument that is wrong, where an error names a field of a record. It names no flag that
// has does not report.
func NameFlags(err error, has func(flag string) bool) error {
	switch err := err.(type) { // what wraps a field's error has words of its own
	case clients.FieldErrors:
		lines := make([]error, len(err))
		for n, one := range err {
			lines[n] = NameFlags(one, has)
		}
		return errors.Join(lines...)
	case clients.FieldError:
		label, known := labels[err.Field]
		flag, isFlag := strings.CutPrefix(label, "--")
		switch {
		case !known:
			return err
		case label == "" || isFlag && !has(flag):
			return errors.New(err.Reason)
		}
		return fmt.Errorf("%s: %s", label, err.Reason)
	}
	return err
}

// ClientProblems are all that is wrong with a client's record, each with its flag named.
func ClientProblems(client identity.Client, apps []identity.App) []error {
	found, _ := errors.AsType[clients.FieldErrors](clients.Check(client, apps))
	problems := make([]error, len(found))
	for n, err := range found {
		problems[n] = NameFlags(err, func(string) bool { return true })
	}
	return problems
}
