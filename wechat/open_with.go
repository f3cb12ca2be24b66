package wechat

import "time"

// OpenWith opens what a mini-program got encrypted, with the key of the very
// sign-in that it came with. ErrBadData whatever is wrong. WeChat is not asked
// about it, so a phone number stays unverified.
//
// Unlike [Vault.Decrypt] it counts no failures: a try costs a login code of the
// very user, which works once and which WeChat hands out by so many a minute,
// and what is refused is refused in one way. So its caller must have traded a
// code for the key just now, and try it on no more than what came with that.
func OpenWith(key SessionKey, account Account, sealed EncryptedData, kind Kind, now time.Time) (Opened, error) {
	if key.Zero() { // AES would take sixteen zeros, with which anybody can encrypt
		return Opened{}, ErrBadData
	}
	return sealed.decode().open(key, kind, account, now)
}

// SignedWith says whether rawData, as it was received, was signed with the key
// of the very sign-in that it came with. As with [OpenWith], no failures are
// counted.
func SignedWith(key SessionKey, rawData, signature string) bool {
	return !key.Zero() && signatureMatches(rawData, signature, key)
}
