// Package accounts lets users manage their own account: register, edit the profile, link and unlink accounts, set a
// password, export data, request deletion, and list and end sessions.
//
// An access token may have been stolen. So every call that could lock the owner out, let somebody else in or export
// data needs a [Proof] in the same request. Input is validated before the proof is used up, and nothing is changed
// before the proof is accepted. The package does not check access tokens; its caller does. Proofs are checked by a
// [Prover].
package accounts
