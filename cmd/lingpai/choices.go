package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

// choicesAnnotation holds the values of a flag that takes one of a few.
const choicesAnnotation = "lingpai_choices"

// limitChoices declares the values of a flag, for completion and for suggestions.
func limitChoices(cmd *cobra.Command, flag string, values ...string) {
	// neither fails: the flag exists and has no completion yet
	_ = cmd.Flags().SetAnnotation(flag, choicesAnnotation, values)
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// checkChoices rejects a misspelt value of a flag and suggests the right one. It accepts a value that resembles none:
// the command's own check knows better what to say about it.
func checkChoices(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		given := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			given = list.GetSlice()
		}
		for _, value := range given {
			if meant := terminal.Closest(value, flag.Annotations[choicesAnnotation]); meant != "" {
				err = cmp.Or(err, fmt.Errorf("--%s: %q is unknown; did you mean %q?", flag.Name, value, meant))
			}
		}
	})
	return err
}

// suggestCommand returns the subcommand that somebody who typed name most likely wanted, or "".
func suggestCommand(cmd *cobra.Command, name string) string {
	var names []string
	for _, child := range cmd.Commands() {
		if !child.IsAvailableCommand() {
			continue
		}
		names = append(names, child.Name())
		if slices.Contains(child.SuggestFor, name) {
			return child.Name()
		}
	}
	return terminal.Closest(name, names)
}

// suggestFlag returns the flag that somebody who typed name most likely wanted, or "".
func suggestFlag(cmd *cobra.Command, name string) string {
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	return terminal.Closest(name, names)
}

// eventKinds are the kinds of events in the audit log.
func eventKinds() []string {
	return []string{
		identity.EventSessionEnded, identity.EventNoticeUndelivered, identity.EventRefreshRefused,
		identity.EventRefreshAhead,
		identity.EventSignInFailed, identity.EventSignInThrottled, identity.EventLimitReached,
		identity.EventRefreshClock,
		identity.EventUnionConflict, identity.EventUserBlocked, identity.EventAppTokenGiven,
		identity.EventClientCreated, identity.EventClientUpdated, identity.EventClientSecret,
		identity.EventClientRefreshKeys, identity.EventLegacyAudience, identity.EventClientDisabled,
		identity.EventAppAdded, identity.EventAppUpdated, identity.EventAppRemoved, identity.EventAppSecret,
		identity.EventAppOpen, identity.EventAppPhoneBudget,
		identity.EventAppPush, identity.EventInfoModified, identity.EventAuthRevoked, identity.EventAuthCancelled,
		identity.EventPushRefused,
		identity.EventUserCreated, identity.EventUserDisabled, identity.EventUserEnabled, identity.EventPasswordSet,
		identity.EventHashRenewed, identity.EventRoleGranted, identity.EventRoleRevoked,
		identity.EventClaimsSet, identity.EventUserNamed, identity.EventRegistered, identity.EventPhoneSet,
		identity.EventLinked, identity.EventUnlinked, identity.EventConsentGranted, identity.EventConsentWithdrawn,
		identity.EventExported, identity.EventDeletionRequested,
		identity.EventDeletionCancelled, identity.EventUserDeleted, identity.EventUserMerged,
		identity.EventMergeUndone, identity.EventPhoneBudget, identity.EventUsersImported,
		identity.EventScanApproved, identity.EventScanDenied, identity.EventScanMismatch, identity.EventScanReported,
		identity.EventKeyRotated, identity.EventKeyRevoked, identity.EventKeyImported, identity.EventKeysRewrapped,
	}
}
