// Package admin implements what operators do: it manages clients, apps, users, merges, sessions and keys, and reads the
// audit log. The commands, the HTTP API and the console use it.
//
// Every action takes the actor, puts it into the context for the store ([identity.WithActor]), and validates its input.
// The texts of errors are for operators. Their types are [UnknownError], [RefusedError], [AppRefusedError],
// [clients.FieldError] and [clients.FieldErrors]. Errors about invalid keys, names and passwords are returned
// unchanged. Any other error is a failure of the store.
//
// Actions on a user take the user's id; see [Users.Find].
package admin
