// Package password hashes passwords with argon2id, checks them, and defines which passwords are allowed. It limits how
// many hashes run at once, so that a flood of sign-ins starves neither refreshes nor other users' sign-ins. Limits of
// attempts are in package signin.
//
// Imported bcrypt hashes are checked too, within the same limits, and should be replaced at the next sign-in. Until
// then the time of a check reveals that a user name exists and was imported: unknown names take as long as argon2id,
// like nearly all others, and a dummy cannot take as long as every import's bcrypt. Operators who must not reveal even
// that should set new passwords instead of importing hashes.
package password
