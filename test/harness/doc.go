// Package harness contains the helpers of the tests below test/: a running "lingpai dev" with its clients and its
// user, running programs, Node modules, and the documents and files of the repository.
package harness
