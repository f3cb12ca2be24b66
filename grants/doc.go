// Package grants decides who may have tokens: it authenticates the client, lets one grant prove the user, and
// has tokens issued. One file a grant; a token request is read from top to bottom in
// [Manager.GenerateAccessToken].
//
// It owns the OAuth names of refusals ([Error]) and every check that stands between a request and a token. It
// does not own HTTP (provider), the formats of tokens (tokens), nor where anything is kept.
package grants
