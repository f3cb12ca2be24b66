// Package provider speaks HTTP: it reads requests, asks the manager, and writes answers.
//
// It owns the routes, the shape of requests and answers, and the one table from a refusal's name to its
// status. It decides nothing about who may have tokens, and knows neither storage nor keys: a key set is
// bytes with an ETag.
package provider
