// Package migrate migrates the users of the programs in docs/migrate to Lingpai, with the code of those pages:
// exports, imports, and APIs that accept the old tokens and the new ones.
package migrate
