package sql

import (
	"github.com/lingpai/lingpai/identity"
)

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

func unionClaim(s identity.Sighting) claim {
	return claim{claimsUnion, s.Platform, s.OpenPlatform, s.UnionID}
}

// arriving is a newcomer with what he claims.
type arriving struct {
	identity.Newcomer
	usernameKey string
	names       []claim // by which he is known
	unions      []claim
	fault       error // why he cannot come, whoever else is there
}

func newArrivals(newcomers []identity.Newcomer) []arriving {
	all := make([]arriving, len(newcomers))
	for n, newcomer := range newcomers {
		all[n] = newArriving(newcomer)
	}
	return all
}

func newArriving(n identity.Newcomer) arriving {
	a := arriving{Newcomer: n, fault: n.Check()}
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
	for _, s := range n.Sightings {
		a.names = append(a.names, accountClaim(s.AccountKey))
		if s.HasUnion() {
			a.unions = append(a.unions, unionClaim(s))
		}
	}
	return a
}

func storableNewcomer(n identity.Newcomer) error {
	p := n.Profile
	texts := []string{n.PasswordHash, n.Phone, p.Name, p.Nickname, p.Picture, p.Gender, p.Locale, p.Email}
	for _, s := range n.Sightings {
		texts = append(texts, s.Platform, s.App, s.Subject, s.UnionID, s.OpenPlatform)
	}
	return storable(texts...)
}
