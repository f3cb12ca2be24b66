// Package wechat speaks WeChat's server APIs. It turns the code of a
// wx.login call into the user's identity at one mini-program, and WeChat's
// many error numbers into the few classes that a caller can act on.
//
// It owns the wire: bounded time, bounded bodies, bounded concurrency, a
// circuit breaker, and the rule that a login code is sent at most once. It
// does not know accounts, clients, tokens or OAuth error names; those belong
// to its callers. It keeps nothing: neither the AppSecret that it is handed
// nor the session key that WeChat answers with.
//
// No error and no log line of this package holds a secret, a code, a session
// key, a URL or WeChat's own error text.
package wechat
