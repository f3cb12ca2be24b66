package sql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// existing has what the store knows about the identifiers of imported users.
type existing struct {
	owners  map[identifier]string // users by identifier
	clients map[string]bool       // ids of clients
	retired map[string]bool       // ids of deleted users
}

// clockTolerance is how far the clock of the other system may have been ahead.
const clockTolerance = time.Minute

// decide returns the outcome for a user. It changes nothing.
func (k existing) decide(a candidate, now time.Time) identity.ImportResult {
	switch {
	case a.err != nil:
		return refused(a.err.Error())
	case a.CreatedAt.After(now.Add(clockTolerance)):
		return refused("created_at is in the future")
	}
	for _, first := range a.identifiers {
		if owner := k.owners[first]; owner != "" {
			return k.decideExisting(a, first, owner)
		}
	}
	switch {
	case k.clients[a.ID]:
		return refused("the sub is the id of a client, with which the user could be confused")
	case k.retired[a.ID]:
		return refused("the sub belonged to a deleted user and is never reused")
	case a.badName != nil:
		return refused(a.badName.Error())
	}
	for _, rival := range a.rivals {
		if owner := k.owners[rival]; owner != "" {
			return refused("the user name looks like that of " + owner)
		}
	}
	return identity.ImportResult{Outcome: identity.Imported, Warnings: k.warnings(a)}
}

// decideExisting returns the outcome for a user one of whose identifiers, first, belongs to the existing user owner.
// The user is AlreadyThere if all identifiers belong to owner, and refused otherwise.
func (k existing) decideExisting(a candidate, first identifier, owner string) identity.ImportResult {
	for _, name := range a.identifiers {
		switch other := k.owners[name]; other {
		case owner:
		case "":
			return refused(fmt.Sprintf("%s belongs to %s, and %s does not", first, owner, name))
		default:
			return refused(fmt.Sprintf("%s belongs to %s, and %s to %s", first, owner, name, other))
		}
	}
	return identity.ImportResult{Outcome: identity.AlreadyThere, UserID: owner}
}

// warnings returns a warning for each union that stays with another user.
func (k existing) warnings(a candidate) (warnings []string) {
	for _, e := range a.Identities {
		if owner := k.owners[unionIdentifier(e)]; e.HasUnion() && owner != "" {
			warnings = append(warnings, "the union id of an account at "+e.App+" belongs to "+owner)
		}
	}
	return warnings
}

// assign adds the identifiers of an imported user to k, and returns the unions that belonged to nobody.
func (k existing) assign(a candidate, owner string) (unions []identifier) {
	for _, name := range slices.Concat(a.identifiers, a.looks) {
		k.owners[name] = owner
	}
	for _, union := range a.unions {
		if k.owners[union] == "" {
			k.owners[union] = owner
			unions = append(unions, union)
		}
	}
	return unions
}

func refused(reason string) identity.ImportResult { return identity.ImportResult{Reason: reason} }

// maxListed is the maximum number of values in one query. It is far below the limits of the databases.
const maxListed = 1000

// ownerRow is a value and the user it belongs to.
type ownerRow struct {
	Value string
	Owner *string
}

// Queries for the user that a value belongs to. For a retired user they return the survivor, who has the accounts and
// unions.
//
// Each value is looked up by its whole key. With a list of values PostgreSQL might scan a whole table, or all
// accounts of an app: while a table grows from nothing to a million rows, it uses plans and statistics from when the
// table was small.
const (
	ownerOfSubject  = "SELECT coalesce(joined_into, id) FROM users WHERE id = value"
	ownerOfUsername = "SELECT coalesce(joined_into, id) FROM users WHERE username_key = value"
	ownerOfSkeleton = "SELECT max(id || '') FROM users WHERE username_skeleton = value AND username_key IS NOT NULL"
	ownerOfAccount  = "SELECT user_id FROM accounts WHERE platform = ? AND app = ? AND subject = value"
	ownerOfUnion    = "SELECT user_id FROM unions WHERE platform = ? AND open_platform = ? AND union_id = value"
)

// findOwners runs one of the queries above, with its other arguments, for each value.
func findOwners(tx *gorm.DB, query string, arguments []any, values []string) ([]ownerRow, error) {
	parameters := make([]any, 0, len(values)+len(arguments))
	for _, value := range values {
		parameters = append(parameters, value)
	}
	listed := "(?)" + strings.Repeat(", (?)", len(values)-1)
	return scanAll[ownerRow](tx, "WITH wanted (value) AS (VALUES "+listed+") SELECT value, ("+query+
		") AS owner FROM wanted", append(parameters, arguments...)...)
}

// lookUp reads what the store knows about the identifiers of imported users.
func lookUp(tx *gorm.DB, users []candidate) (existing, error) {
	k := existing{owners: map[identifier]string{}, clients: map[string]bool{}, retired: map[string]bool{}}
	wanted := map[identifier][]string{} // values, grouped by identifiers without a value
	for _, a := range users {
		for _, c := range slices.Concat(a.identifiers, a.unions, a.rivals) {
			where := c
			where.value = ""
			wanted[where] = append(wanted[where], c.value)
		}
	}
	for where, values := range wanted {
		for listed := range slices.Chunk(values, maxListed) {
			if err := k.lookUpOwners(tx, where, listed); err != nil {
				return existing{}, err
			}
		}
	}
	for subjects := range slices.Chunk(wanted[subjectIdentifier("")], maxListed) {
		if err := k.lookUpReserved(tx, subjects); err != nil {
			return existing{}, err
		}
	}
	return k, nil
}

func (k existing) lookUpOwners(tx *gorm.DB, where identifier, values []string) error {
	query, arguments := ownerOfSubject, []any(nil)
	switch where.kind {
	case kindUsername:
		query = ownerOfUsername
	case kindLook:
		query = ownerOfSkeleton
	case kindLookBeyondASCII:
		query = ownerOfSkeleton + " AND " + beyondASCII("users")
	case kindAccount:
		query, arguments = ownerOfAccount, []any{where.platform, where.at}
	case kindUnion:
		query, arguments = ownerOfUnion, []any{where.platform, where.at}
	}
	rows, err := findOwners(tx, query, arguments, values)
	for _, row := range rows {
		if row.Owner != nil {
			where.value = row.Value
			k.owners[where] = *row.Owner
		}
	}
	return err
}

// lookUpReserved finds ids that belong to no user and yet cannot be used.
func (k existing) lookUpReserved(tx *gorm.DB, subjects []string) error {
	clients, err := scanAll[string](tx, "SELECT id FROM clients WHERE id IN ?", subjects)
	if err != nil {
		return err
	}
	for _, id := range clients {
		k.clients[id] = true
	}
	hashes, subjectOf := make([][]byte, len(subjects)), map[string]string{}
	for n, id := range subjects {
		hashes[n] = subjectHash(id)
		subjectOf[string(hashes[n])] = id
	}
	retired, err := scanAll[[]byte](tx, "SELECT hash FROM retired_subjects WHERE hash IN ?", hashes)
	for _, hash := range retired {
		k.retired[subjectOf[string(hash)]] = true
	}
	return err
}

// identifier is something that belongs to at most one user: an id, a user name, an account or a union. Several names in
// ASCII may have the same look, which then belongs to any one of them.
type identifier struct {
	kind         identifierKind
	platform, at string // at: the app of an account, the Open Platform account of a union
	value        string
}

type identifierKind byte

const (
	kindSubject identifierKind = iota
	kindUsername
	kindAccount
	kindUnion
	kindLook            // the skeleton of a name
	kindLookBeyondASCII // the skeleton of a name with characters beyond ASCII
)

// String describes an identifier without its value, which may be a name, a number or an address.
func (c identifier) String() string {
	switch c.kind {
	case kindSubject:
		return "the sub"
	case kindUsername:
		return "the user name"
	case kindAccount:
		return "the account at " + c.at
	}
	return "a union at " + c.at
}

func subjectIdentifier(id string) identifier { return identifier{kind: kindSubject, value: id} }

func usernameIdentifier(key string) identifier { return identifier{kind: kindUsername, value: key} }

func accountIdentifier(k identity.AccountKey) identifier {
	return identifier{kindAccount, k.Platform, k.App, k.Subject}
}

func unionIdentifier(e identity.ExternalIdentity) identifier {
	return identifier{kindUnion, e.Platform, e.OpenPlatform, e.UnionID}
}

// candidate is an imported user with the user's identifiers.
type candidate struct {
	identity.ImportedUser
	name        identity.Username
	badName     error        // why no user may get the name, although one may have it
	identifiers []identifier // these decide whether the user exists
	unions      []identifier
	looks       []identifier // of the name
	rivals      []identifier // looks of names that it would resemble
	err         error        // why the user is invalid
}

func newCandidates(users []identity.ImportedUser) []candidate {
	all := make([]candidate, len(users))
	for n, user := range users {
		all[n] = newCandidate(user)
	}
	return all
}

func newCandidate(n identity.ImportedUser) candidate {
	a := candidate{ImportedUser: n, err: n.Check()}
	if a.err == nil {
		a.err = checkStorable(n)
	}
	if a.err != nil {
		return a
	}
	if n.ID != "" {
		a.identifiers = append(a.identifiers, subjectIdentifier(n.ID))
	}
	if n.Username != "" {
		a.setName(n.Username)
	}
	for _, e := range n.Identities {
		a.identifiers = append(a.identifiers, accountIdentifier(e.AccountKey))
		if e.HasUnion() {
			a.unions = append(a.unions, unionIdentifier(e))
		}
	}
	return a
}

// setName expects a name that ImportedUser.Check accepted.
func (a *candidate) setName(username string) {
	a.name, a.err = identity.UsernameOf(username)
	a.badName = a.name.CheckNew()
	a.identifiers = append(a.identifiers, usernameIdentifier(a.name.Key))
	look := identifier{kind: kindLook, value: a.name.Skeleton}
	beyondASCII := identifier{kind: kindLookBeyondASCII, value: a.name.Skeleton}
	if a.name.ASCII() {
		a.looks, a.rivals = []identifier{look}, []identifier{beyondASCII}
	} else {
		a.looks, a.rivals = []identifier{look, beyondASCII}, []identifier{look}
	}
}

// skeletonsOf returns the skeletons of all names.
func skeletonsOf(users []candidate) (skeletons []string) {
	for _, a := range users {
		if a.err == nil && a.Username != "" {
			skeletons = append(skeletons, a.name.Skeleton)
		}
	}
	return skeletons
}

func checkStorable(n identity.ImportedUser) error {
	p := n.Profile
	texts := []string{n.PasswordHash, n.Phone, p.Name, p.Nickname, p.Picture, p.Gender, p.Locale, p.Email, p.Address}
	for _, e := range n.Identities {
		texts = append(texts, e.Platform, e.App, e.Subject, e.UnionID, e.OpenPlatform)
	}
	return storable(texts...)
}
