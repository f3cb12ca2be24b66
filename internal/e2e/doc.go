// Package e2e builds cmd/lingpai and starts it as its operators do, for the tests and measurements that look at
// the program from outside. What starts it asserts nothing, so that programs that are no tests may use it too.
package e2e
