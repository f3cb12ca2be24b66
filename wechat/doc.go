// Package wechat calls WeChat's server APIs. It exchanges the code of a wx.login call
// for the user's identity at a mini-program, and the code of an OAuth page or a mobile
// app for the one at an official account, a website or an app; keeps the app-level
// access token that other calls need; and maps WeChat's many errcodes to the few classes
// that a caller can act on. A [Platform] describes another platform with the same call.
//
// It limits the time, size and number of calls, has a circuit breaker, and sends a login code at
// most once. It knows nothing about users, clients, tokens or OAuth error codes, which belong to
// its callers. It does not keep the AppSecret that it is given. It keeps session keys and app
// tokens sealed in a store of the caller: see [Vault], which decrypts and verifies with session
// keys, and [AppTokens].
//
// No error and no log line of this package contains a secret, a code, a session key, a
// URL or WeChat's own error text.
package wechat
