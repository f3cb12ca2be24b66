// Package wechatdata offers WeChat's services behind a token: it opens encrypted data, checks signatures, asks about
// session keys, gets phone numbers, and gives back ends the app-level access tokens of their apps. A session key
// leaves the server nowhere.
//
// Errors for the caller are of package oauth.
package wechatdata
