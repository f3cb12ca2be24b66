package wechatdata

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/wechat"
)

// WechatData is decrypted data. Data contains the documented fields of its kind under WeChat's names, and no others.
type WechatData struct {
	Kind      wechat.Kind `json:"kind"`
	AppID     string      `json:"appid"`
	Timestamp int64       `json:"timestamp"` // Unix time when WeChat encrypted it
	Data      any         `json:"data"`
	// PhoneVerified is set only for a phone number: WeChat confirmed that it encrypted the data.
	PhoneVerified *bool  `json:"phone_number_verified,omitempty"`
	UserID        string `json:"-"`
}

// DecryptData decrypts encryptedData with the session key of its user. It changes nothing: a unionid in the data does
// not link users, and a phone number does not sign a user in. It returns
//   - oauth.InvalidToken if the access token is not valid,
//   - oauth.InsufficientScope if it lacks the scope wechat.data, or is a back end's and not only for this server,
//   - oauth.InvalidRequest if a parameter is missing or invalid,
//   - oauth.UnknownUser if the app has no such user,
//   - oauth.InvalidData if WeChat did not encrypt the data recently for this user and app,
//   - oauth.LoginRequired if the session is not WeChat's or there is no valid session key,
//   - oauth.TemporarilyUnavailable if the store fails.
func (s *Service) DecryptData(ctx context.Context, bearer string, form url.Values) (WechatData, error) {
	subject, err := s.dataSubject(ctx, bearer, form)
	if err != nil {
		return WechatData{}, err
	}
	kind := wechat.Kind(form.Get("kind"))
	sealed := wechat.EncryptedData{Data: form.Get("encryptedData"), IV: form.Get("iv")}
	switch {
	case !slices.Contains(wechat.Kinds(), kind):
		return WechatData{}, invalidRequest("kind must be one of " + kindNames() + ".")
	case sealed.Data == "" || sealed.IV == "":
		return WechatData{}, invalidRequest("encryptedData or iv is missing.")
	}
	opened, err := s.vault.Decrypt(ctx, subject.account, sealed, kind, s.confirmer(subject.account.AppID))
	if err != nil {
		return WechatData{}, vaultFailed(err)
	}
	data := WechatData{Kind: kind, AppID: subject.account.AppID, Timestamp: opened.Timestamp.Unix(),
		Data: opened.Fields, UserID: subject.userID}
	if kind == wechat.KindPhone {
		data.PhoneVerified = &opened.Verified
	}
	return data, nil
}

func kindNames() string {
	var names []string
	for _, kind := range wechat.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// confirmer returns a function that asks WeChat whether it encrypted some data for an app.
func (s *Service) confirmer(appID string) wechat.Confirm {
	return func(ctx context.Context, sha256Hex string) (bool, error) {
		credentials, err := s.credentialsOf(ctx, appID)
		if err != nil {
			return false, err
		}
		genuine, _, err := s.appTokens.CheckEncryptedMessage(ctx, credentials, sha256Hex)
		return genuine, err
	}
}

// VerifiedData is the result of checking a signature.
type VerifiedData struct {
	AppID    string `json:"appid"`
	Verified bool   `json:"verified"`
	UserID   string `json:"-"`
}

// VerifyData checks the signature of rawData. A valid signature proves only that the text came through the user's
// WeChat. VerifyData returns the errors of [Service.DecryptData], with oauth.InvalidData if the signature is invalid.
func (s *Service) VerifyData(ctx context.Context, bearer string, form url.Values) (VerifiedData, error) {
	subject, err := s.dataSubject(ctx, bearer, form)
	if err != nil {
		return VerifiedData{}, err
	}
	rawData, signature := form.Get("rawData"), form.Get("signature")
	if rawData == "" || signature == "" {
		return VerifiedData{}, invalidRequest("rawData or signature is missing.")
	}
	if err := s.vault.Verify(ctx, subject.account, rawData, signature); err != nil {
		return VerifiedData{}, vaultFailed(err)
	}
	return VerifiedData{AppID: subject.account.AppID, Verified: true, UserID: subject.userID}, nil
}
