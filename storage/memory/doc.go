// Package memory keeps data in the process: data that a single server may lose, and copies of records that would
// otherwise be read from a slower store each time.
//
// It has the volatile state of one server ([Store], an identity.Volatile) and caches of records that may be slightly
// outdated ([CacheClients], [CacheApps]). It does not store anything that must survive a restart (storage/sql does)
// or that several servers share: with this store each server counts for itself. A Store starts no goroutine: its
// methods remove expired entries, so there is nothing to close.
package memory
