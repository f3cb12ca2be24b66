// Package provider implements the HTTP endpoints: it parses requests, calls a service, and writes responses.
//
// It defines the routes and the form of requests and responses; package oauth defines error codes and their status.
// It makes no decision about who may have tokens, and depends on neither storage nor keys: a key set is bytes with an
// ETag.
package provider
