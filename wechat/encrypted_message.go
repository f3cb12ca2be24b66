package wechat

import (
	"context"
	"encoding/hex"
	"strings"
	"time"
)

// CheckEncryptedMessage asks whether WeChat itself encrypted a message within
// the last three days, and when (checkEncryptedData, POST
// /wxa/business/checkencryptedmsg). The message is named by the hexadecimal
// SHA-256 of its encryptedData.
func (a *AppTokens) CheckEncryptedMessage(ctx context.Context, credentials Credentials,
	sha256Hex string) (genuine bool, createdAt time.Time, err error) {
	if digest, err := hex.DecodeString(sha256Hex); err != nil || len(digest) != 32 {
		return false, time.Time{}, &Error{Class: ErrUnavailable, reason: "not a SHA-256"}
	}
	created, err := withAppToken(ctx, a, "checkEncryptedData", credentials, func(ctx context.Context,
		token Secret) (time.Time, error) {
		body, err := a.client.post(ctx, "/wxa/business/checkencryptedmsg", withToken(token, nil),
			map[string]string{"encrypted_msg_hash": strings.ToLower(sha256Hex)})
		if err != nil {
			return time.Time{}, err
		}
		return parseMessageCheck(body)
	})
	return err == nil && !created.IsZero(), created, err
}

// parseMessageCheck returns when a message was encrypted, or the zero time for
// one that WeChat does not know.
func parseMessageCheck(body []byte) (time.Time, error) {
	members, err := parseAnswer(body, map[int]error{50004: ErrMisconfigured, 50007: ErrMisconfigured})
	if err != nil {
		return time.Time{}, err
	}
	switch string(members["vaild"]) { // so it is spelt
	case "false":
		return time.Time{}, nil
	case "true":
	default:
		return time.Time{}, outage("no word whether the message is genuine")
	}
	seconds, err := members.integer("create_time")
	if err != nil || seconds <= 0 {
		return time.Time{}, outage("no time of the message")
	}
	return time.Unix(int64(seconds), 0), nil
}
