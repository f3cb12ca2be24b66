// Package wechattest simulates WeChat's server APIs for tests, demonstrations
// and development without a WeChat account.
//
// It serves code2Session, the two kinds of app-level access token, the
// phone-number code, checkSessionKey, ResetUserSessionKey, checkEncryptedData,
// getUnlimitedQRCode and, for official accounts, websites and mobile apps, the user's token and
// profile, with WeChat's paths, parameters, errcodes, content types
// and lifetimes. The pages of official accounts and websites on which users let a program know
// who they are, and a phone that scans codes, are for browsers. An additional API under /_sim/
// mints a code for a chosen user, scans codes, moves the clock, injects faults and counts requests.
//
// It imports only the standard library and shares nothing with package wechat, so that a
// mistake there is not repeated here.
//
// Every AppSecret that it accepts begins with "simulator-", unlike real ones, so that no
// production configuration works with it by accident.
package wechattest
