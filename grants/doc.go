// Package grants is the token endpoint: it authenticates the client, lets one grant prove the user, and has tokens
// issued. One file a grant; a token request is read from top to bottom in [Manager.GenerateAccessToken].
//
// It owns the order of the checks between a request and a token. It does not own HTTP (provider), who clients and
// people are (clients, signin), the formats of tokens (tokens), nor where anything is kept.
package grants
