// Package storagetest tests what every store must do.
//
// It specifies the store interfaces of identity and keys: each sentence of their comments is a subtest with the rule
// as its name, with real goroutines and no mocks. It does not implement a store, and does not test what only one
// technology can get wrong (its dialect, its migrations, its size): those tests are next to the store. A store's own
// test calls [Run] or [RunVolatile], or [RunRaces] for another configuration of the same database.
//
// Subtests of one group share a database, one after the other; each creates its own users and clients. Groups run in
// parallel. Races run up to 200 rounds each; 1000 with -storagetest.long, and 100 with -short.
package storagetest
