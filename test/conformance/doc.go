// Package conformance tests the running program over TLS as the OpenID Foundation's conformance suite does, module by
// module. docs/conformance.md has the results.
package conformance
