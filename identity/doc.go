// Package identity holds the nouns of the house (user, account at a platform, app, client, session) and says
// what a store must do for each.
//
// It owns the rules that follow from a noun alone: what an identifier looks like, what a user name means. It
// does not own any technology: no SQL, no HTTP, no JWT. Stores implement its interfaces; everything above
// asks for them.
//
// Every method that takes a context returns that context's error when it ends. Instants are kept to the
// millisecond. An error that is none of the names below means that the store could not do its work: nothing
// was changed, and the caller may try again.
package identity
