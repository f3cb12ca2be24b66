// Package dbtest finds, or starts, the real servers that tests run against.
//
// LINGPAI_TEST_POSTGRES and LINGPAI_TEST_REDIS name them by URL. Without them, and with CI=true, the standard
// ports of this machine are tried; then temporary servers are started from installed binaries. Where there
// are none, a test says in one line what was not run; with CI=true that is a failure. Tests make and remove
// what is theirs, a database or a prefix of keys, and leave everything else alone.
package dbtest
