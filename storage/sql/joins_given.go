package sql

import (
	"bytes"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// giveBack returns to the retired user what the survivor still has, and what came to it since by what the
// retired one had. It says what that was, and what only an operator can judge.
func giveBack(tx *gorm.DB, m moved, retired, survivor userRow) (given identity.Moved, doubts []string, err error) {
	if given, err = hand(tx, survivor.ID, retired.ID, m.Moved); err != nil {
		return given, nil, err
	}
	since, stays, err := cameSince(tx, m.Own.belongings, given, retired.ID, survivor.ID)
	if err != nil {
		return given, nil, err
	}
	if since, err = hand(tx, survivor.ID, retired.ID, since); err != nil {
		return given, nil, err
	}
	given.Accounts, given.Unions = append(given.Accounts, since.Accounts...), append(given.Unions, since.Unions...)
	for _, a := range stays {
		doubts = append(doubts, fmt.Sprintf(
			"%s keeps the account %s %s %s, which came since the join: look whose it is", survivor.ID, a.Platform,
			a.App, a.Subject))
	}
	if survivor.DeletesAt != nil {
		doubts = append(doubts, survivor.ID+" asked to be deleted since the join: look which of the two did")
	}
	var doubt string
	if given.Username, doubt, err = giveNameBack(tx, m, retired, survivor); doubt != "" {
		doubts = append(doubts, doubt)
	}
	return given, doubts, err
}

// cameSince tells apart what the survivor has and did not have before the join: what came by the retired user
// goes with it, and of the other accounts nobody knows. It looks when the retired user has got back what
// moved.
//
// A union is the retired user's if an account of it is in it, and none that was the survivor's own; an
// account is, if its union is.
func cameSince(tx *gorm.DB, before belongings, given identity.Moved, retired, survivor string) (goes identity.Moved,
	stays []accountRow, err error) {
	back, err := accountsOf(tx, "user_id = ?", retired)
	if err != nil {
		return goes, nil, err
	}
	kept, err := accountsOf(tx, "user_id = ?", survivor)
	if err != nil {
		return goes, nil, err
	}
	has, err := belongingsOf(tx, "", survivor)
	if err != nil {
		return goes, nil, err
	}
	isOwn := func(a accountRow) bool { return slices.Contains(before.Accounts, a.account().AccountKey) }
	for _, u := range has.Unions {
		names := func(a accountRow) bool { return a.union() == u }
		ofOwn := func(a accountRow) bool { return isOwn(a) && names(a) }
		if !slices.Contains(before.Unions, u) && slices.ContainsFunc(back, names) && !slices.ContainsFunc(kept, ofOwn) {
			goes.Unions = append(goes.Unions, u)
		}
	}
	for _, a := range kept {
		atOneApp := func(b accountRow) bool { return a.Platform == b.Platform && a.App == b.App }
		switch {
		case isOwn(a):
		case (slices.Contains(given.Unions, a.union()) || slices.Contains(goes.Unions, a.union())) &&
			!slices.ContainsFunc(back, atOneApp):
			goes.Accounts = append(goes.Accounts, a.account().AccountKey)
		default:
			stays = append(stays, a)
		}
	}
	return goes, stays, nil
}

// giveNameBack returns a name that moved, unless it was changed since, or the retired user was given another
// one. A password that was set meanwhile may be the wrong person's: with the name it goes nowhere, and of the
// survivor's own nobody knows.
func giveNameBack(tx *gorm.DB, m moved, retired, survivor userRow) (given bool, doubt string, err error) {
	if !m.Username || survivor.UsernameKey == nil || *survivor.UsernameKey != m.UsernameKey ||
		retired.UsernameKey != nil {
		if survivor.PasswordHash != "" && !bytes.Equal(digest(survivor.PasswordHash), m.Own.Password) {
			doubt = "the password of " + survivor.ID +
				" was set or hashed anew since the join: if the other person may have set it, replace it"
		}
		return false, doubt, nil
	}
	if !bytes.Equal(digest(survivor.PasswordHash), m.Password) {
		survivor.PasswordHash = ""
		doubt = "the user name of " + retired.ID +
			" is back without a password, for that was set or hashed anew since the join: set one"
	}
	return true, doubt, handName(tx, survivor, retired.ID)
}
