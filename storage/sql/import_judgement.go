package sql

import (
	"fmt"
	"time"

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
func (k known) judge(a arriving, now time.Time) identity.Arrival {
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
	return identity.Arrival{Outcome: identity.Imported, Warnings: k.warnings(a)}
}

// judgeKnown judges a newcomer one of whose names is a user's: either all are, or they contradict each other.
func (k known) judgeKnown(a arriving, first claim, owner string) identity.Arrival {
	for _, name := range a.names {
		switch other := k.holders[name]; other {
		case owner:
		case "":
			return refused(fmt.Sprintf("%s belongs to %s, and %s does not", first, owner, name))
		default:
			return refused(fmt.Sprintf("%s belongs to %s, and %s to %s", first, owner, name, other))
		}
	}
	return identity.Arrival{Outcome: identity.AlreadyThere, UserID: owner}
}

// warnings tell of unions that stay somebody else's.
func (k known) warnings(a arriving) (warnings []string) {
	for _, s := range a.Sightings {
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

func refused(reason string) identity.Arrival { return identity.Arrival{Reason: reason} }
