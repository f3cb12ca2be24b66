// Package e2e builds cmd/lingpai and starts it as operators do, for tests and benchmarks of the whole program. It
// does not depend on package testing, so that programs can use it too.
package e2e
