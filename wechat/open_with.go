package wechat

import "time"

// OpenWith decrypts data that was sent with a sign-in, with the session key of that sign-in.
// It returns ErrBadData for any error. WeChat is not asked, so a phone number stays
// unverified.
//
// Unlike [Vault.Decrypt] it counts no failures: each try needs a login code of this user,
// which can be used once and whose number WeChat limits, and there is only one error. So
// the caller must have just exchanged a code for the key, and use it only for the data
// that was sent with the code.
func OpenWith(key SessionKey, account Account, sealed EncryptedData, kind Kind, now time.Time) (Opened, error) {
	if key.Zero() { // its bytes are zeros, so anybody could have encrypted the data
		return Opened{}, ErrBadData
	}
	return sealed.decode().open(key, kind, account, now)
}

// SignedWith reports whether rawData, unchanged as received, was signed with the session
// key of the sign-in that it was sent with. As with [OpenWith], no failures are counted.
func SignedWith(key SessionKey, rawData, signature string) bool {
	return !key.Zero() && signatureMatches(rawData, signature, key)
}
