// Package accounts is what people do with their own account: register, say who they are, link and unlink
// other ways to sign in, set a password, take their data with them, leave, and look after their sessions.
//
// It owns the rules for all that, and above all one: an access token may be borrowed, so whatever could lock
// its owner out, let somebody else in or carry data away needs a [Proof] in the same request. Input is judged
// before the proof is spent, and nothing is done before the proof holds. It does not own HTTP, nor who the
// caller is (whoever calls has checked the token and its audience), nor how a proof is checked and counted
// ([Prover]), nor where anything is kept.
package accounts
