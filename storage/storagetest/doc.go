// Package storagetest says what every store must do, as tests that any store runs.
//
// It owns the meaning of the store interfaces of identity and keys: each sentence of their comments is a
// sub-test named by what must hold, with real goroutines and no mocks. It does not own any store, nor what
// only one technology can get wrong (its dialect, its migrations, its size): those tests stand beside the
// store. A store's own test calls [Run] or [RunVolatile] and nothing else, or [RunRaces] for another setting
// of the same database.
//
// Sub-tests of one group share a database, one after the other; each makes its own users and clients in it.
// Groups run in parallel. The races run up to 200 rounds each; 1000 with
// -storagetest.long, and 100 with -short.
package storagetest
