package grants

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/oauth"
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
func (m *Manager) DecryptData(ctx context.Context, bearer string, form url.Values) (WechatData, error) {
	subject, err := m.dataSubject(ctx, bearer, form)
	if err != nil {
		return WechatData{}, err
	}
	kind := wechat.Kind(form.Get("kind"))
	sealed := wechat.EncryptedData{Data: form.Get("encryptedData"), IV: form.Get("iv")}
	switch {
	case !slices.Contains(wechat.Kinds(), kind):
		return WechatData{}, oauth.NewError(oauth.InvalidRequest, "kind must be one of "+kindNames()+".")
	case sealed.Data == "" || sealed.IV == "":
		return WechatData{}, oauth.NewError(oauth.InvalidRequest, "encryptedData or iv is missing.")
	}
	opened, err := m.Vault.Decrypt(ctx, subject.account, sealed, kind, m.confirmer(subject.account.AppID))
	if err != nil {
		return WechatData{}, dataRefused(err)
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
func (m *Manager) confirmer(appID string) wechat.Confirm {
	return func(ctx context.Context, sha256Hex string) (bool, error) {
		credentials, err := m.credentialsOf(ctx, appID)
		if err != nil {
			return false, err
		}
		genuine, _, err := m.AppTokens.CheckEncryptedMessage(ctx, credentials, sha256Hex)
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
func (m *Manager) VerifyData(ctx context.Context, bearer string, form url.Values) (VerifiedData, error) {
	subject, err := m.dataSubject(ctx, bearer, form)
	if err != nil {
		return VerifiedData{}, err
	}
	rawData, signature := form.Get("rawData"), form.Get("signature")
	if rawData == "" || signature == "" {
		return VerifiedData{}, oauth.NewError(oauth.InvalidRequest, "rawData or signature is missing.")
	}
	if err := m.Vault.Verify(ctx, subject.account, rawData, signature); err != nil {
		return VerifiedData{}, dataRefused(err)
	}
	return VerifiedData{AppID: subject.account.AppID, Verified: true, UserID: subject.userID}, nil
}
