// Package redis keeps in Redis, or what speaks its protocol, what several servers share and may be lost:
// attempts, rates, one-time codes.
//
// It owns the names of its keys, which all begin with the prefix of the [Store], and how long a call may
// take. It does not own anything that must survive Redis losing its memory (storage/sql does). Every command
// touches keys of one hash slot only, so it runs on a Cluster, and Lua scripts make of several steps one.
//
// A server may start and stay up while Redis is down: [Open] does not dial, a call fails within its time, and
// calls work again a second after Redis is back at the latest. No command is repeated when its answer is
// lost: a value taken twice would look as if it had never been there.
package redis
