// Package migrate moves the people of the programs that docs/migrate tells of to Lingpai, with what stands on
// those pages: exports, imports, and APIs that take the old tokens and the new ones.
package migrate
