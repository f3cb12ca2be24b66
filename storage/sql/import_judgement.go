package sql

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// known is what there is of all that newcomers claim.
type known struct {
	holders map[claim]string // whose it is
	clients map[string]bool  // ids that are clients'
	retired map[string]bool  // ids that were deleted users'
}

// clockTolerance is by how much the clock of another program may have been ahead.
const clockTolerance = time.Minute

// judge says what becomes of a newcomer. It changes nothing.
func (k known) judge(a arriving, now time.Time) identity.ImportResult {
	switch {
	case a.fault != nil:
		return refused(a.fault.Error())
	case a.CreatedAt.After(now.Add(clockTolerance)):
		return refused("created_at is in the future")
	}
	for _, first := range a.names {
		if owner := k.holders[first]; owner != "" {
			return k.judgeKnown(a, first, owner)
		}
	}
	switch {
	case k.clients[a.ID]:
		return refused("the sub is the id of a client, for which the user could be taken")
	case k.retired[a.ID]:
		return refused("the sub was a deleted user's, and is nobody else's ever")
	}
	return identity.ImportResult{Outcome: identity.Imported, Warnings: k.warnings(a)}
}

// judgeKnown judges a newcomer one of whose names is a user's: either all are, or they contradict each other.
func (k known) judgeKnown(a arriving, first claim, owner string) identity.ImportResult {
	for _, name := range a.names {
		switch other := k.holders[name]; other {
		case owner:
		case "":
			return refused(fmt.Sprintf("%s belongs to %s, and %s does not", first, owner, name))
		default:
			return refused(fmt.Sprintf("%s belongs to %s, and %s to %s", first, owner, name, other))
		}
	}
	return identity.ImportResult{Outcome: identity.AlreadyThere, UserID: owner}
}

// warnings tell of unions that stay somebody else's.
func (k known) warnings(a arriving) (warnings []string) {
	for _, s := range a.Identities {
		if owner := k.holders[unionClaim(s)]; s.HasUnion() && owner != "" {
			warnings = append(warnings, "the union id of an account at "+s.App+" belongs to "+owner)
		}
	}
	return warnings
}

// settle notes that a newcomer has come, and returns the unions that nobody had.
func (k known) settle(a arriving, owner string) (unions []claim) {
	for _, name := range a.names {
		k.holders[name] = owner
	}
	for _, union := range a.unions {
		if k.holders[union] == "" {
			k.holders[union] = owner
			unions = append(unions, union)
		}
	}
	return unions
}

func refused(reason string) identity.ImportResult { return identity.ImportResult{Reason: reason} }

// maxListed is how many values are asked for in one statement, far from what the databases can take.
const maxListed = 1000

// holding is a row that says whose a value is.
type holding struct {
	Value string
	Owner *string
}

// Whose something is that may be a user's who was retired: the survivor's. Accounts and unions have moved to that one.
//
// Each value is looked up by itself, by its whole key. Of a list of values PostgreSQL might read a table from
// end to end, or all accounts of an app: while a table grows from nothing to a million rows, it goes by plans
// that were made, and by statistics that were taken, when it was small.
const (
	whoseSubjects  = "SELECT coalesce(joined_into, id) FROM users WHERE id = value"
	whoseUsernames = "SELECT coalesce(joined_into, id) FROM users WHERE username_key = value"
	whoseAccounts  = "SELECT user_id FROM accounts WHERE platform = ? AND app = ? AND subject = value"
	whoseUnions    = "SELECT user_id FROM unions WHERE platform = ? AND open_platform = ? AND union_id = value"
)

// whose asks a question for each value.
func whose(tx *gorm.DB, question string, place []any, values []string) ([]holding, error) {
	parameters := make([]any, 0, len(values)+len(place))
	for _, value := range values {
		parameters = append(parameters, value)
	}
	listed := "(?)" + strings.Repeat(", (?)", len(values)-1)
	return scanAll[holding](tx, "WITH wanted (value) AS (VALUES "+listed+") SELECT value, ("+question+
		") AS owner FROM wanted", append(parameters, place...)...)
}

// lookUp reads what there is of all that newcomers claim.
func lookUp(tx *gorm.DB, people []arriving) (known, error) {
	k := known{holders: map[claim]string{}, clients: map[string]bool{}, retired: map[string]bool{}}
	wanted := map[claim][]string{} // values by where they are looked for
	for _, a := range people {
		for _, c := range slices.Concat(a.names, a.unions) {
			where := c
			where.value = ""
			wanted[where] = append(wanted[where], c.value)
		}
	}
	for where, values := range wanted {
		for listed := range slices.Chunk(values, maxListed) {
			if err := k.lookUpHolders(tx, where, listed); err != nil {
				return known{}, err
			}
		}
	}
	for subjects := range slices.Chunk(wanted[subjectClaim("")], maxListed) {
		if err := k.lookUpTaken(tx, subjects); err != nil {
			return known{}, err
		}
	}
	return k, nil
}

func (k known) lookUpHolders(tx *gorm.DB, where claim, values []string) error {
	question, place := whoseSubjects, []any(nil)
	switch where.kind {
	case claimsUsername:
		question = whoseUsernames
	case claimsAccount:
		question, place = whoseAccounts, []any{where.platform, where.at}
	case claimsUnion:
		question, place = whoseUnions, []any{where.platform, where.at}
	}
	rows, err := whose(tx, question, place, values)
	for _, row := range rows {
		if row.Owner != nil {
			where.value = row.Value
			k.holders[where] = *row.Owner
		}
	}
	return err
}

// lookUpTaken finds which ids are nobody's and yet not to be had.
func (k known) lookUpTaken(tx *gorm.DB, subjects []string) error {
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

// claim is what one user has and nobody else: an id, a user name, an account or a union.
type claim struct {
	kind         claimKind
	platform, at string // at: of an account the app, of a union the Open Platform account
	value        string
}

type claimKind byte

const (
	claimsSubject claimKind = iota
	claimsUsername
	claimsAccount
	claimsUnion
)

// String names a claim without its value, which may be a name, a number or an address.
func (c claim) String() string {
	switch c.kind {
	case claimsSubject:
		return "the sub"
	case claimsUsername:
		return "the user name"
	case claimsAccount:
		return "the account at " + c.at
	}
	return "a union at " + c.at
}

func subjectClaim(id string) claim { return claim{kind: claimsSubject, value: id} }

func usernameClaim(key string) claim { return claim{kind: claimsUsername, value: key} }

func accountClaim(k identity.AccountKey) claim {
	return claim{claimsAccount, k.Platform, k.App, k.Subject}
}

func unionClaim(s identity.ExternalIdentity) claim {
	return claim{claimsUnion, s.Platform, s.OpenPlatform, s.UnionID}
}

// arriving is a newcomer with what he claims.
type arriving struct {
	identity.ImportedUser
	usernameKey string
	names       []claim // by which he is known
	unions      []claim
	fault       error // why he cannot come, whoever else is there
}

func newArrivals(people []identity.ImportedUser) []arriving {
	all := make([]arriving, len(people))
	for n, person := range people {
		all[n] = newArriving(person)
	}
	return all
}

func newArriving(n identity.ImportedUser) arriving {
	a := arriving{ImportedUser: n, fault: n.Check()}
	if a.fault == nil {
		a.fault = storableNewcomer(n)
	}
	if a.fault != nil {
		return a
	}
	if n.ID != "" {
		a.names = append(a.names, subjectClaim(n.ID))
	}
	if n.Username != "" {
		a.usernameKey, a.fault = identity.CanonicalUsername(n.Username)
		a.names = append(a.names, usernameClaim(a.usernameKey))
	}
	for _, s := range n.Identities {
		a.names = append(a.names, accountClaim(s.AccountKey))
		if s.HasUnion() {
			a.unions = append(a.unions, unionClaim(s))
		}
	}
	return a
}

func storableNewcomer(n identity.ImportedUser) error {
	p := n.Profile
	texts := []string{n.PasswordHash, n.Phone, p.Name, p.Nickname, p.Picture, p.Gender, p.Locale, p.Email}
	for _, s := range n.Identities {
		texts = append(texts, s.Platform, s.App, s.Subject, s.UnionID, s.OpenPlatform)
	}
	return storable(texts...)
}
