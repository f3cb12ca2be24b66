// Package clients knows the programs that may ask for tokens: it authenticates a client and says which records,
// grants, scopes, apps and origins are valid.
package clients
