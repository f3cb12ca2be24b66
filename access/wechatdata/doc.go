// Package wechatdata provides WeChat's services to callers with an access token: it decrypts data, checks signatures,
// checks and resets session keys, gets phone numbers, and returns app-level access tokens to back ends. A session key
// never leaves the server.
//
// Errors for clients are of type [oauth.Error].
package wechatdata
