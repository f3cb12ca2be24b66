package terminal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// labels maps the fields of records to the flags or arguments of commands. A field with an empty label is not named.
var labels = map[string]string{
	"client_id": "CLIENT_ID", "grants": "--grant", "scopes": "--scope", "default_scopes": "--default-scope",
	"audience": "--audience", "is_audience": "--is-audience", "legacy_audience_until": "DATE",
	"apps": "--app", "origins": "--origin", "access_ttl": "--access-ttl",
	"jwks": "--jwks-file", "jwks_uri": "--jwks-uri", "require_par": "--par",
	"redirect_uris": "--redirect-uri", "post_logout_redirect_uris": "--post-logout-redirect-uri",
	"backchannel_logout_uri": "--backchannel-logout-uri", "initiate_login_uri": "--initiate-login-uri",
	"optional_pkce": "--pkce",
	"idle_ttl":      "--idle-ttl", "absolute_ttl": "--absolute-ttl", "refresh_keys": "--refresh-keys",
	"appid": "", "secret": "", "kind": "--kind", "phone_budget": "--phone-budget",
	"limit": "--limit", "after": "--after", "grace": "--grace", "role": "ROLE", "purpose": "--purpose",
}

// NameFlags replaces the field of a record in an error by its flag or argument. It omits flags for which has returns
// false.
func NameFlags(err error, has func(flag string) bool) error {
	switch err := err.(type) { // an error that wraps a field's error has its own text
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

// ClientProblems returns everything that is wrong with a client's record, each error with its flag.
func ClientProblems(client identity.Client, apps []identity.App) []error {
	found, _ := errors.AsType[clients.FieldErrors](clients.Check(client, apps))
	problems := make([]error, len(found))
	for n, err := range found {
		problems[n] = NameFlags(err, func(string) bool { return true })
	}
	return problems
}
