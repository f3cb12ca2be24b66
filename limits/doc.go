// Package limits limits how often callers may do something. It has one table of named limits ([All]), one way to count
// ([Limiter.Count]) and one answer: 429 with Retry-After. Work that failed by our or the platform's fault is given back
// ([Limiter.GiveBack]).
package limits
