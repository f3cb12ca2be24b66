// Package wechat speaks WeChat's server APIs. It turns the code of a
// wx.login call into the user's identity at one mini-program, and that of an
// OAuth page or a mobile app into the one at an official account, a website or
// an app; keeps the app-level access token that other calls need; and turns
// WeChat's many error numbers into the few classes that a caller can act on.
// Where another platform has the same call, a [Sibling] says what is different.
//
// It owns the wire: bounded time, bounded bodies, bounded concurrency, a
// circuit breaker, and the rule that a login code is sent at most once. It
// does not know users, clients, tokens or OAuth error names; those belong to
// its callers. It does not keep the AppSecret that it is handed. Session keys
// and app tokens it keeps sealed, in a store of its caller's: see [Vault],
// which does with session keys what people need them for, and [AppTokens].
//
// No error and no log line of this package holds a secret, a code, a session
// key, a URL or WeChat's own error text.
package wechat
