package sql

import (
	"slices"
	"strings"

	"gorm.io/gorm"
)

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
func lookUp(tx *gorm.DB, newcomers []arriving) (known, error) {
	k := known{holders: map[claim]string{}, clients: map[string]bool{}, retired: map[string]bool{}}
	wanted := map[claim][]string{} // values by where they are looked for
	for _, a := range newcomers {
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
