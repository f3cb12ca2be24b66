// Package authorize decides what an authorization request of a browser is answered with: a code, a page or an error.
// It writes no HTML and no HTTP.
//
// An authorization request is its URL. A page carries it on, and it is read again when it comes back, so nothing is
// stored before somebody has signed in.
package authorize
