// Package dbtest finds or starts the real servers and disks that tests use.
//
// LINGPAI_TEST_POSTGRES and LINGPAI_TEST_REDIS are the URLs of the servers. Without them, and with CI=true, the
// standard ports of this machine are tried; otherwise temporary servers are started from installed binaries. If there
// are none, a test is skipped with one line about what was not run; with CI=true it fails. Tests create and remove
// their own database or key prefix, and touch nothing else.
package dbtest
