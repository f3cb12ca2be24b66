// Package admin does what operators do: it manages clients, apps, users, merges of users, sessions, keys, and reads the
// audit log. Commands use it, and so do the HTTP API and the console.
//
// Every action takes the actor, puts it into the context that the store gets ([identity.WithActor]), and holds the
// rules that no record or user may break. Errors are sentences for operators: [UnknownError], [RefusedError],
// [AppRefusedError], [clients.FieldError] and [clients.FieldErrors] say which kind. What the rules of keys, names and
// passwords refuse is returned as they say it; any other error is a store's own failure.
//
// Actions on a user take the user's id; [Users.Find] finds it.
package admin
