// Package redis stores data that several servers share and that may be lost, such as attempts, rates and
// one-time codes, in Redis or a server with the same protocol.
//
// Its keys all begin with the prefix of the [Store], and its calls have a timeout. It does not store anything that
// must survive a loss of Redis's memory (storage/sql does). Every command uses keys of one hash slot only, so it runs
// on a Cluster, and Lua scripts combine several steps into one.
//
// A server can start and stay up while Redis is down: [Open] does not connect, calls fail within the timeout, and
// they work again at most a second after Redis is back. A command whose response is lost is not retried, since the
// second try would find that a value was already taken.
package redis
