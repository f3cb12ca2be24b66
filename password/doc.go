// Package password hashes passwords with argon2id, checks them, and defines which passwords are allowed. It limits how
// many hashes run at once, so that a flood of sign-ins starves neither refreshes nor other users' sign-ins. Limits of
// attempts are in package signin.
//
// Imported bcrypt hashes are checked too, within the same limits, and should be replaced at the next sign-in. Until
// then their checks take another time than those of new hashes. So the check of an unknown name takes the time of one
// of the stored hashes, in proportion to their numbers; see [Hasher.CheckUnknown].
package password
