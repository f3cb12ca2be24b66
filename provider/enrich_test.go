package provider_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// shop adds a mini-program without an API that may request all data of a user, and returns the form of a sign-in.
func (w records) shop(budget int) form {
	w.t.Helper()
	ctx := context.Background()
	client := publicClient("shop", oauth.GrantWechatCode, oauth.GrantRefreshToken)
	client.Audience = nil
	require.NoError(w.t, w.database.Clients().Create(ctx, client))
	require.NoError(w.t, w.database.Apps().SetPhoneBudget(ctx, identity.PlatformWechat, testApp, budget))
	return form{"grant_type": oauth.GrantWechatCode, "client_id": "shop", "scope": "openid profile phone"}
}

func (w wechatUsers) phoneCode(user string) string {
	w.t.Helper()
	code, err := w.simulator.MintPhoneCode(testApp, user)
	require.NoError(w.t, err)
	return code
}

// tapped returns encrypted data that a mini-program got for a user who has signed in before, as parameters of a
// sign-in.
func (w wechatUsers) tapped(plain wechattest.Plaintext) []string {
	w.t.Helper()
	plain.AppID = testApp
	sealed, err := w.simulator.Encrypt(plain)
	require.NoError(w.t, err)
	return []string{"encrypted_data", sealed.EncryptedData, "iv", sealed.IV, "raw_data", sealed.RawData,
		"signature", sealed.Signature}
}

func (w tokenCalls) userinfoOf(a answer) answer {
	w.t.Helper()
	return w.userinfo(a.text("access_token"))
}

func ada() wechattest.Plaintext {
	return wechattest.Plaintext{User: "ada", Data: map[string]any{
		"nickName": "Ada", "gender": 2, "language": "zh_CN", "city": "", "province": "", "country": "",
		"avatarUrl": "https://example.com/ada.png",
	}}
}

func TestASignInBringsAProfile(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(0)
	requireTokens(t, w.token(shop.with("code", w.code("ada"))))
	a := w.token(shop.with("code", w.code("ada")).with(w.tapped(ada())...))
	requireTokens(t, a)
	require.Equal(t, "kept", a.members["profile_status"])
	require.Equal(t, "verified", a.members["signature_status"])
	info := w.userinfoOf(a).members
	require.Equal(t, "Ada", info["nickname"])
	require.Equal(t, "https://example.com/ada.png", info["picture"])
	require.Equal(t, "female", info["gender"])
	require.Equal(t, "Ada", claimsOf(t, a.text("id_token"))["nickname"])
}

// TestAnInvalidProfileDoesNotPreventASignIn: it is broken, somebody else's, another app's, or incomplete.
func TestAnInvalidProfileDoesNotPreventASignIn(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(0)
	for _, user := range []string{"ada", "eve"} {
		requireTokens(t, w.token(shop.with("code", w.code(user))))
	}
	of, foreign, another := ada(), ada(), ada()
	of.User, foreign.WatermarkAppID = "eve", otherApp
	another.Data["openId"] = wechattest.OpenID(testApp, "eve")
	for name, extras := range map[string][]string{
		"somebody else's": w.tapped(of),
		"another app's":   w.tapped(foreign),
		"another openId":  w.tapped(another),
		"garbage":         {"encrypted_data", "AAAA", "iv", "AAAA", "raw_data", "{}", "signature", "00"},
		"URL alphabet": {"encrypted_data", "-_-_-_-_-_-_-_-_-_-_-w==", "iv", "AAAAAAAAAAAAAAAAAAAAAA==",
			"raw_data", "x", "signature", "y"},
	} {
		a := w.token(shop.with("code", w.code("ada")).with(extras...))
		requireTokens(t, a)
		require.Equal(t, "refused", a.members["profile_status"], name)
		require.NotContains(t, w.userinfoOf(a).members, "nickname", name)
	}
	code := w.code("ada")
	half := shop.with("code", code, "encrypted_data", "AAAA")
	requireError(t, w.token(half), http.StatusBadRequest, "invalid_request")
	requireError(t, w.token(shop.with("code", code, "encrypted_data", "AAAA", "iv", "AAAA", "encrypted_data_kind",
		"run")), http.StatusBadRequest, "invalid_request")
	requireTokens(t, w.token(shop.with("code", code))) // neither used up the code
}

// TestWhatTheUserChoseIsNotOverwritten by WeChat's profile at the next sign-in.
func TestWhatTheUserChoseIsNotOverwritten(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(0)
	a := w.token(shop.with("code", w.code("ada")))
	requireTokens(t, a)
	chosen := identity.Profile{Nickname: "The Countess"}
	require.NoError(t, w.database.Profiles().Choose(context.Background(),
		claimsOf(t, a.text("access_token"))["sub"].(string), chosen))
	a = w.token(shop.with("code", w.code("ada")).with(w.tapped(ada())...))
	requireTokens(t, a)
	require.Equal(t, "unchanged", a.members["profile_status"])
	info := w.userinfoOf(a).members
	require.Equal(t, "The Countess", info["nickname"])
	require.NotContains(t, info, "picture")
}

// TestThePlaceholderProfileIsNotStored: since 2022 WeChat returns the same name and picture for everybody.
func TestThePlaceholderProfileIsNotStored(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(0)
	requireTokens(t, w.token(shop.with("code", w.code("ada"))))
	a := w.token(shop.with("code", w.code("ada")).with(w.tapped(wechattest.Plaintext{User: "ada", Kind: "user"})...))
	requireTokens(t, a)
	require.NotContains(t, w.userinfoOf(a).members, "nickname")
}

func TestAPhoneNumberByCode(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(-1)
	require.NoError(t, w.simulator.SetUser(wechattest.User{User: "ada", PhoneNumber: "13812345678"}))
	a := w.token(shop.with("code", w.code("ada"), "phone_code", w.phoneCode("ada")))
	requireTokens(t, a)
	require.Equal(t, "verified", a.members["phone_status"])
	info := w.userinfoOf(a).members
	require.Equal(t, "+8613812345678", info["phone_number"])
	require.Equal(t, true, info["phone_number_verified"])
	require.InDelta(t, w.clock.Now().Unix(), info["phone_number_seen_at"], 2)
	require.NotContains(t, w.userinfoOf(w.signInAt("shop", "ada", "openid profile")).members, "phone_number",
		"this needs the scope phone")
	require.NotContains(t, w.log.String(), "13812345678")
}

// TestCodesAreNotInterchangeable: a phone code does not sign in, and a login code does not yield a phone number.
func TestCodesAreNotInterchangeable(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(-1)
	requireError(t, w.token(shop.with("code", w.phoneCode("ada"))), http.StatusBadRequest, "invalid_grant")
	a := w.token(shop.with("code", w.code("ada"), "phone_code", w.code("ada")))
	requireTokens(t, a)
	require.Equal(t, "refused", a.members["phone_status"])
	a = w.token(shop.with("code", w.code("ada"), "phone_code", w.phoneCode("eve")))
	requireTokens(t, a)
	require.Equal(t, "refused", a.members["phone_status"], "another's number")
	require.NotContains(t, w.userinfoOf(a).members, "phone_number")
}

// TestTheBudgetOfPhoneNumbers is enforced, recorded once in the audit log, and not used up by codes that WeChat
// rejects.
func TestTheBudgetOfPhoneNumbers(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(2)
	phoneOf := func(user, code string) any {
		a := w.token(shop.with("code", w.code(user), "phone_code", code))
		requireTokens(t, a)
		return a.members["phone_status"]
	}
	require.Equal(t, "verified", phoneOf("ada", w.phoneCode("ada")))
	for range 3 {
		require.Equal(t, "refused", phoneOf("mallory", "made-up"))
	}
	require.Equal(t, "unavailable", phoneOf("mallory", w.phoneCode("mallory")), "three tries a day")
	require.Equal(t, "verified", phoneOf("bob", w.phoneCode("bob")))
	require.Equal(t, "over_budget", phoneOf("eve", w.phoneCode("eve")))
	require.Equal(t, "over_budget", phoneOf("eve", w.phoneCode("eve")))
	use, err := w.database.Apps().PhoneUse(context.Background(), identity.PlatformWechat, testApp)
	require.NoError(t, err)
	require.Equal(t, 2, use.Used)
	require.Equal(t, 1, strings.Count(strings.Join(w.eventKinds(t), "\n"), identity.EventPhoneBudget+" "+testApp))
	w.clock.Move(32 * 24 * time.Hour)
	require.Equal(t, "verified", phoneOf("eve", w.phoneCode("eve")))
}

// TestAPhoneNumberNeedsThePermissionOfTheClient, since each costs its operator money.
func TestAPhoneNumberNeedsThePermissionOfTheClient(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.shop(-1)
	client := publicClient("without-phone", oauth.GrantWechatCode)
	client.Scopes = []string{"api"}
	require.NoError(t, w.database.Clients().Create(context.Background(), client))
	a := w.token(w.wechatCode("ada").with("client_id", "without-phone", "phone_code", w.phoneCode("ada")))
	requireTokens(t, a)
	require.Equal(t, "not_allowed", a.members["phone_status"])
}

// TestAnOldPhoneNumber is decrypted with the session key, and counts as verified only if WeChat confirms that it
// encrypted it.
func TestAnOldPhoneNumber(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(0)
	requireTokens(t, w.token(shop.with("code", w.code("ada"))))
	const path = "/wxa/business/checkencryptedmsg"
	send := func() answer {
		extras := w.tapped(wechattest.Plaintext{User: "ada", Kind: "phone"})
		a := w.token(shop.with("code", w.code("ada")).with(extras...).with("encrypted_data_kind", "phone"))
		requireTokens(t, a)
		return a
	}
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: path, Body: "html"}))
	a := send()
	require.Equal(t, "not_verified", a.members["phone_status"])
	require.Equal(t, false, w.userinfoOf(a).members["phone_number_verified"])
	for _, disowned := range []string{`{"errcode":1,"errmsg":"data not exist"}`,
		`{"errcode":0,"vaild":false,"create_time":0}`} {
		require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: path, Text: disowned}))
		require.Equal(t, "refused", send().members["phone_status"])
	}
	a = send()
	require.Equal(t, "verified", a.members["phone_status"])
	require.Equal(t, true, w.userinfoOf(a).members["phone_number_verified"])
}

// TestBindingAPhoneNumberLater, for users who signed in without one.
func TestBindingAPhoneNumberLater(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.shop(-1)
	a := w.signInAt("shop", "ada", "openid phone")
	bound := w.data("/wechat/phone", a.text("access_token"), form{"code": w.phoneCode("ada")})
	require.Equal(t, http.StatusOK, bound.status, bound.body)
	require.Equal(t, true, bound.members["phone_number_verified"])
	require.Equal(t, bound.members["phone_number"], w.userinfoOf(a).members["phone_number"])

	requireError(t, w.data("/wechat/phone", a.text("access_token"), form{"code": w.phoneCode("eve")}),
		http.StatusBadRequest, "invalid_grant")
	without := w.signInAt("shop", "ada", "openid")
	requireError(t, w.data("/wechat/phone", without.text("access_token"), form{"code": w.phoneCode("ada")}),
		http.StatusForbidden, "insufficient_scope")
}

const phoneKey = "the-key-of-one-phone-number-01"

// TestARepeatedRequestBuysOnePhoneNumber: WeChat charges for each number, and its code works only once.
func TestARepeatedRequestBuysOnePhoneNumber(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.shop(-1)
	a := w.signInAt("shop", "ada", "openid phone")
	code := w.phoneCode("ada")
	bind := func(key string) answer {
		return w.data("/wechat/phone", a.text("access_token"), form{"code": code, ":Idempotency-Key": key})
	}
	first := bind(phoneKey)
	require.Equal(t, http.StatusOK, first.status, first.body)
	for range 5 { // a user may try three times a day
		again := bind(phoneKey)
		require.Equal(t, http.StatusOK, again.status, again.body)
		require.Equal(t, first.members, again.members)
	}
	require.Equal(t, 1, w.simulator.Requests().Paths["/wxa/business/getuserphonenumber"])
	requireError(t, bind("the-key-of-somebody-else-0001"), http.StatusBadRequest, "invalid_grant")
	requireError(t, bind("short"), http.StatusBadRequest, "invalid_request")

	// A late repetition does not restore a number that the user has replaced.
	user := claimsOf(t, a.text("access_token"))["sub"].(string)
	require.NoError(t, w.database.Profiles().SetPhone(t.Context(), user, identity.Phone{Number: "+8613912345678",
		SeenAt: w.clock.Now(), Verified: true}))
	require.Equal(t, first.members, bind(phoneKey).members)
	require.Equal(t, "+8613912345678", w.userinfoOf(a).members["phone_number"])
}

// fullProfiles is a store that cannot be written until it is fixed.
type fullProfiles struct {
	identity.Profiles
	full atomic.Bool
}

func (p *fullProfiles) SetPhone(ctx context.Context, user string, phone identity.Phone) error {
	if p.full.Load() {
		return errBroken
	}
	return p.Profiles.SetPhone(ctx, user, phone)
}

// TestABoughtPhoneNumberIsStoredAfterAnOutage: WeChat has charged for it, then the store fails.
func TestABoughtPhoneNumberIsStoredAfterAnOutage(t *testing.T) {
	t.Parallel()
	profiles := &fullProfiles{}
	w := newEnv(t, func(s *settings) {
		s.stores = func(stores *server.Stores) { profiles.Profiles, stores.Profiles = stores.Profiles, profiles }
	})
	w.shop(-1)
	a := w.signInAt("shop", "ada", "openid phone")
	request := form{"code": w.phoneCode("ada"), ":Idempotency-Key": phoneKey}
	profiles.full.Store(true)
	requireError(t, w.data("/wechat/phone", a.text("access_token"), request), http.StatusServiceUnavailable,
		"temporarily_unavailable")
	profiles.full.Store(false)
	bound := w.data("/wechat/phone", a.text("access_token"), request)
	require.Equal(t, http.StatusOK, bound.status, bound.body)
	require.Equal(t, bound.members["phone_number"], w.userinfoOf(a).members["phone_number"])
	require.Equal(t, 1, w.simulator.Requests().Paths["/wxa/business/getuserphonenumber"])
}

// TestARepeatedSignInRepeatsItsStatuses: otherwise a program whose first response was lost does not learn whether the
// phone number was stored.
func TestARepeatedSignInRepeatsItsStatuses(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(-1)
	requireTokens(t, w.token(shop.with("code", w.code("ada"))))
	request := shop.with("code", w.code("ada"), "phone_code", w.phoneCode("ada"), ":Idempotency-Key", phoneKey).with(
		w.tapped(ada())...)
	first := w.token(request)
	requireTokens(t, first)
	again := w.token(request)
	requireTokens(t, again)
	require.Equal(t, first.text("refresh_token"), again.text("refresh_token"))
	for status, want := range map[string]string{"phone_status": "verified", "profile_status": "kept",
		"signature_status": "verified"} {
		require.Equal(t, want, first.members[status], status)
		require.Equal(t, want, again.members[status], status)
	}
	require.Equal(t, 1, w.simulator.Requests().Paths["/wxa/business/getuserphonenumber"])
}

// TestOnePhoneNumberJoinsNobody: users with the same number stay separate, since numbers are reassigned.
func TestOnePhoneNumberJoinsNobody(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(-1)
	subjects := map[any]bool{}
	for _, user := range []string{"ada", "eve"} {
		require.NoError(t, w.simulator.SetUser(wechattest.User{User: user, PhoneNumber: "13812345678"}))
		a := w.token(shop.with("code", w.code(user), "phone_code", w.phoneCode(user)))
		requireTokens(t, a)
		require.Equal(t, "+8613812345678", w.userinfoOf(a).members["phone_number"])
		subjects[claimsOf(t, a.text("access_token"))["sub"]] = true
	}
	require.Len(t, subjects, 2)
}

func (w tokenCalls) signInAt(client, user, scope string) answer {
	w.t.Helper()
	a := w.token(form{"grant_type": oauth.GrantWechatCode, "client_id": client, "code": w.code(user), "scope": scope})
	requireTokens(w.t, a)
	return a
}

// TestAnOutageOfWeChatDoesNotUseUpTheBudget: a request that was never sent is not counted.
func TestAnOutageOfWeChatDoesNotUseUpTheBudget(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(2)
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: "/cgi-bin/stable_token", Status: 500, Count: 50}))
	for _, user := range []string{"ada", "bob", "eve", "joe"} {
		a := w.token(shop.with("code", w.code(user), "phone_code", w.phoneCode(user)))
		requireTokens(t, a)
		require.Equal(t, "unavailable", a.members["phone_status"])
	}
	use, err := w.database.Apps().PhoneUse(context.Background(), identity.PlatformWechat, testApp)
	require.NoError(t, err)
	require.Zero(t, use.Used)
}

// TestAnUnverifiedNumberDoesNotReplaceAVerifiedOne of the same user.
func TestAnUnverifiedNumberDoesNotReplaceAVerifiedOne(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	shop := w.shop(-1)
	requireTokens(t, w.token(shop.with("code", w.code("ada"), "phone_code", w.phoneCode("ada"))))
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: "/wxa/business/checkencryptedmsg", Body: "html"}))
	extras := w.tapped(wechattest.Plaintext{User: "ada", Kind: "phone"})
	a := w.token(shop.with("code", w.code("ada")).with(extras...).with("encrypted_data_kind", "phone"))
	requireTokens(t, a)
	require.Equal(t, "unavailable", a.members["phone_status"])
	require.Equal(t, true, w.userinfoOf(a).members["phone_number_verified"])
}
