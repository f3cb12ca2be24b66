// Package password hashes and checks passwords, never more at once than it may.
//
// It owns what a password may be, how it is hashed (argon2id), and the bound under which hashing runs, so that a flood of logins starves
// neither refreshes nor other people's logins. It does not own whose password it is, nor how often one may try.
package password
