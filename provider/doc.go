// Package provider speaks HTTP: it reads requests, asks a service, and writes answers.
//
// It owns the one table of routes and the shape of requests and answers; codes and their status are of package
// oauth. It decides nothing about who may have tokens, and knows neither storage nor keys: a key set is bytes with an
// ETag.
package provider
