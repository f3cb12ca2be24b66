// Package limits limits how often callers may do something. It has one table of named limits ([All]), one way to count
// ([Limiter.Count]) and one answer: 429 with Retry-After. Callers give a use back ([Limiter.GiveBack]) if the work
// failed because of the server or the platform.
package limits
