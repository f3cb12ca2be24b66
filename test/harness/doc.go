// Package harness is what the tests below test/ share: a running "lingpai dev" with its clients and its user,
// programs that stay up, Node modules, and the documents and files of the repository.
package harness
