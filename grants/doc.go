// Package grants is the token endpoint below HTTP: it authenticates the client, lets a grant authenticate the user,
// and issues tokens. Each grant has a file; start reading at [Manager.GenerateAccessToken].
//
// It owns the order of the checks between a request and a token. HTTP is in package provider, clients in clients,
// users in signin, token formats in tokens, and persistence in storage.
package grants
