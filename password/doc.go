// Package password hashes and checks passwords, never more at once than it may.
//
// It owns what a password may be, how it is hashed (argon2id), and the bound under which hashing runs, so
// that a flood of logins starves neither refreshes nor other people's logins. It does not own whose password
// it is, nor how often one may try.
//
// Hashes of bcrypt that were imported are checked too, within the same bound, and are to be replaced when
// their password is next seen. Until then the time that a check takes tells that a name is known and was
// imported: unknown names cost what argon2id does, since nearly all others do, and no dummy could cost what
// every import's bcrypt does. Who must not tell even that sets new passwords instead of importing.
package password
