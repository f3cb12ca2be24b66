// Package memory keeps in the process what a single server may lose, and what it need not ask a slower store for again.
//
// It owns the volatile state of one server ([Store], identity.Volatile) and copies of records that may be a
// little old ([CacheClients], [CacheApps]). It does not own anything that must survive a restart (storage/sql
// does), nor anything that several servers share: with this store each counts for itself. A Store runs no
// goroutine: whoever uses it collects what has expired, so there is nothing to close.
package memory
