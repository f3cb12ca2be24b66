// Package idempotency gives a repeated request the answer of the first one. A client marks a request as repeatable with
// an Idempotency-Key, which it makes once and sends with every attempt.
//
// What is kept for repeated requests is sealed, in the volatile store. Losing it loses no session: repeated requests
// are then processed like new ones.
package idempotency
