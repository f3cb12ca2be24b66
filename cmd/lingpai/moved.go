package main

import (
	"errors"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// The names under which doctor and the importer know what is in package clients.
var (
	platformOf = clients.PlatformOf
	validAppID = clients.ValidAppID
	sameRights = clients.SameRights
)

// clientFaults says all that is wrong with a client's record, flag by flag.
func clientFaults(client identity.Client, apps []identity.App) []error {
	found, _ := errors.AsType[clients.FieldErrors](clients.Check(client, apps))
	faults := make([]error, len(found))
	for n, err := range found {
		faults[n] = inFlags(err, func(string) bool { return true })
	}
	return faults
}
