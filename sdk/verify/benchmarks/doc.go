// Package benchmarks compares sdk/verify with other libraries. It is a module of its own, so that sdk/verify does not
// depend on them.
//
//	go test -bench . -benchmem
package benchmarks
