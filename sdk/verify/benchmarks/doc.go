// Package benchmarks compares sdk/verify with other libraries. It is a module of its own, so that none of
// them is asked for by sdk/verify.
//
//	go test -bench . -benchmem
package benchmarks
