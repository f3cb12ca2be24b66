// Package wechattest simulates WeChat's server APIs for tests, demonstrations
// and development without a WeChat account.
//
// It serves code2Session, the two kinds of app-level access token, the
// phone-number code, checkSessionKey, ResetUserSessionKey, checkEncryptedData
// and, for official accounts, websites and mobile apps, the user's token and
// profile, with WeChat's paths, parameters, errcodes, content types
// and lifetimes, and, under /_sim/, what the real platform does not offer:
// minting a code for a chosen user, moving the clock, failing in a chosen way,
// counting requests.
//
// It imports the standard library only and shares nothing with package
// wechat, so that a mistake there is not mirrored here. It does not simulate
// the OAuth pages of official accounts and websites: the codes that those send
// browsers back with are minted.
//
// Every AppSecret that it accepts begins with "simulator-", which no true one
// does, so that no production configuration works with it by accident.
package wechattest
