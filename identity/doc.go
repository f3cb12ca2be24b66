// Package identity defines the core types of the server (user, account at a platform, app, client, session, browser
// session, consent), and a store interface for each.
//
// It contains the rules that follow from one type alone, such as the form of an identifier or the comparison of user
// names. It does not depend on a technology: no SQL, no HTTP, no JWT. Stores implement its interfaces, and all other
// packages use those.
//
// Every method that takes a context returns the context's error when the context ends. Times have a precision of a
// millisecond. An error that is none of the errors of this package means that the store failed: nothing was changed,
// and the caller may try again.
package identity
