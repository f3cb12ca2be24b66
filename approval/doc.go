// Package approval lets a user allow on one screen what another one asks for: a television, a command line, or a page
// that shows a code. A request is pending until one user approves or denies it, or until it expires. The device that
// asks holds a secret, and polls with it.
//
// Requests are in the volatile store only. That an approval is taken once is for the caller to ensure, with a session
// that can be opened once: a volatile store may forget that it was taken.
package approval
