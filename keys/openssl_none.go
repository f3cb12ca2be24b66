//go:build !openssl || !cgo

package keys

// builtLibrary returns nil: Go signs.
func builtLibrary() *library { return nil }
