package wechatdata

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/wechat"
)

// WechatData is encrypted data that was opened: the known fields of its kind by WeChat's names, and no others.
type WechatData struct {
	Kind      wechat.Kind `json:"kind"`
	AppID     string      `json:"appid"`
	Timestamp int64       `json:"timestamp"` // when WeChat made it
	Data      any         `json:"data"`
	// for a phone: WeChat says that it made this itself
	PhoneVerified *bool  `json:"phone_number_verified,omitempty"`
	UserID        string `json:"-"`
}

// DecryptData opens encryptedData with the session key of its user. What it says of a person changes nothing
// here: a unionid in it links no users, and a phone number signs nobody in.
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

// confirmer asks WeChat whether it encrypted something for an app itself.
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

// VerifiedData says whose rawData it is.
type VerifiedData struct {
	AppID    string `json:"appid"`
	Verified bool   `json:"verified"`
	UserID   string `json:"-"`
}

// VerifyData checks the signature of rawData. It says only that the text came through its user's WeChat.
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
