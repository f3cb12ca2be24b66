// Package pagestest has samples of all pages, for tests of what every page must be.
package pagestest

import (
	"slices"
	"time"

	"github.com/lingpai/lingpai/provider/pages"
)

// Sample is a page as people may see it.
type Sample struct {
	Name string
	Page pages.Page
}

// Names are the names on the samples.
type Names struct {
	Client, User      string
	Nickname          string
	Place, OtherPlace string // of a screen and of a phone
}

// Names as people who read a language may see them.
var (
	English = Names{Client: "Example Shop", User: "wang.fang", Nickname: "Fang",
		Place: "Shanghai, China", OtherPlace: "Hangzhou, China"}
	Chinese = Names{Client: "示例商城", User: "wang.fang", Nickname: "小芳",
		Place: "中国上海", OtherPlace: "中国杭州"}
)

// Samples returns at least one sample of each page, with names.
func Samples(names Names) []Sample {
	client, user := names.Client, names.User
	form := pages.Form{Action: "/here?to=authorize", Hidden: []pages.Field{{Name: "seen", Value: client}}}
	signIn := pages.SignIn{Form: form, Client: client, Username: user}
	wrong, missing, waiting, fixed := signIn, signIn, signIn, signIn
	wrong.Problem = pages.WrongCredentials
	missing.Problem, missing.Username = pages.UsernameMissing, ""
	waiting.Problem, waiting.Wait = pages.TooManyAttempts, 4*time.Minute
	fixed.Fixed, fixed.OtherAccount = true, "/sign-in?to=authorize"
	ways := []pages.Way{{Name: pages.WechatWay, URL: "/sign-in/wechat?to=authorize"}}
	scan, inWechat, declined, only, framed := signIn, signIn, signIn, signIn, signIn
	scan.Ways, inWechat.Ways, inWechat.WaysFirst = ways, ways, true
	declined.Ways, declined.Problem = ways, pages.WechatDeclined
	only.Ways, only.NoPassword, only.WaysFirst = ways, true, true
	framed.Ways = ways
	framed.Frame = pages.Frame{URL: ways[0].URL + "&wechat_frame=1", Origin: "https://open.weixin.qq.com"}
	consent := pages.Consent{Form: form, Client: client, User: user, OtherAccount: "/choose-account?to=authorize",
		Scopes:      []string{"openid", "profile", "email", "offline_access"},
		Destination: "shop.example.com", Remembered: true}
	loopback, scheme := consent, consent
	loopback.Risk, loopback.Remembered, loopback.Destination = pages.LoopbackRisk, false, "127.0.0.1"
	loopback.Scopes, loopback.Resources = []string{"openid", "orders.read"}, []string{"https://api.example.com"}
	scheme.Risk, scheme.Remembered, scheme.Destination = pages.PrivateScheme, false, "com.example.shop"
	code := pages.Device{Form: form}
	wrongCode, waitingCode := code, code
	wrongCode.UserCode, wrongCode.Problem = "BCDF-GHJK", pages.WrongUserCode
	waitingCode.UserCode, waitingCode.Problem, waitingCode.Wait = "BCDF-GHJK", pages.TooManyAttempts, 4*time.Minute
	device := pages.ApproveDevice{Form: form, Client: client, User: user, OtherAccount: "/sign-in?to=device",
		UserCode: "BCDF-GHJK", Scopes: []string{"openid", "profile"}, Address: "203.0.113.9",
		Device: "lingpai/1.0 (linux)", Near: true}
	far := device
	far.Near, far.Resources, far.Device = false, []string{"https://api.example.com"}, "ExampleTV/2.1"
	samples := []Sample{
		{"sign-in", signIn}, {"sign-in-wrong", wrong}, {"sign-in-missing", missing}, {"sign-in-waiting", waiting},
		{"sign-in-fixed", fixed}, {"sign-in-ways", scan}, {"sign-in-frame", framed},
		{"sign-in-in-wechat", inWechat}, {"sign-in-declined", declined}, {"sign-in-wechat-only", only},
		{"wechat-profile", pages.WechatProfile{Client: client, Continue: "/sign-in/wechat?to=authorize",
			OtherWay: "/sign-in?to=authorize"}},
		{"wechat-snapshot", pages.Snapshot{Continue: "/authorize?client_id=shop"}},
		{"choose-account", pages.ChooseAccount{Form: form, Client: client, OtherAccount: "/sign-in?to=authorize",
			Accounts: []pages.Account{{Value: "1", Name: user, Age: 20 * time.Minute},
				{Value: "2", Name: "li.na", Age: 3 * time.Hour}, {Value: "3", Name: "张伟", Age: 50 * time.Hour}}}},
		{"consent", consent}, {"consent-loopback", loopback}, {"consent-scheme", scheme},
		{"device", code}, {"device-wrong", wrongCode}, {"device-waiting", waitingCode}, {"device-approve", device},
		{"device-far", far}, {"device-approved", pages.DeviceDone{Approved: true, Client: client}},
		{"device-denied", pages.DeviceDone{Client: client}},
		{"sign-out", pages.SignOut{Form: form, Users: []string{user, "li.na"}}},
		{"signed-out", pages.SignedOut{Client: client, Return: "https://shop.example.com/"}},
		{"sent-on", pages.SentOn{URL: "/authorize?client_id=shop&state=a%3Bb'c"}},
		{"form-post", pages.FormPost{Form: pages.Form{Action: "/callback",
			Hidden: []pages.Field{{Name: "state", Value: client}}}, Destination: "shop.example.com"}},
	}
	samples = slices.Concat(samples, hintSamples(signIn), scanSamples(form, names), handOffSamples(form, names))
	for _, kind := range []pages.ErrorKind{pages.UnknownClient, pages.UnknownRedirect, pages.InvalidRequest,
		pages.Refused, pages.Expired, pages.ForeignForm, pages.CookiesBlocked, pages.TooManyRequests,
		pages.Unavailable, pages.Internal, pages.NotFound, pages.NoHandOff} {
		page := pages.Error{Kind: kind, RequestID: "K3VQ7PZ2MXN5TB6RWJ4HYCAD2E"}
		switch kind {
		case pages.Refused:
			page.Client, page.Destination, page.Return = client, "shop.example.com", "https://shop.example.com/callback"
		case pages.InvalidRequest:
			page.Detail = "The parameter code_challenge is missing."
		case pages.TooManyRequests:
			page.Wait = time.Minute
		}
		samples = append(samples, Sample{"error-" + string(kind), page})
	}
	return samples
}

// handOffSamples returns the page that a mini-program's web-view shows.
func handOffSamples(form pages.Form, names Names) []Sample {
	alone := pages.HandOff{Form: form, Client: names.Client, User: names.User,
		Otherwise: "https://shop.example.com/sign-in"}
	other := alone
	other.Other, other.User, other.ID = "li.na", names.Nickname, "u_UtAnGKJ5HkEGAnPuLO_1qw"
	return []Sample{{"handoff", alone}, {"handoff-other", other}}
}

// hintSamples returns pages to sign in that say where else to do so.
func hintSamples(signIn pages.SignIn) []Sample {
	onPhone, inMiniProgram, noWay := signIn, signIn, signIn
	onPhone.Hint, inMiniProgram.Hint = pages.HintBoth, pages.HintMiniProgram
	noWay.Hint, noWay.NoPassword, noWay.Problem = pages.HintBoth, true, pages.NoWay
	return []Sample{{"sign-in-hint", onPhone}, {"sign-in-mini-program", inMiniProgram}, {"sign-in-no-way", noWay}}
}

// scanSamples returns the pages of a screen whose code is scanned, and of the phone.
func scanSamples(form pages.Form, names Names) []Sample {
	client, user := names.Client, names.User
	code, err := pages.NewQR("https://login.example.com/scan/Q0FsY2lmZXIgaW0gRGV6ZW1iZXIgMjAy")
	if err != nil {
		panic(err) // it is short
	}
	const here, otherWay = "/sign-in/scan?to=authorize&screen=Q0Fs", "/sign-in?to=authorize"
	shown := pages.ScanScreen{Client: client, Code: code, Number: 42, Here: here, OtherWay: otherWay,
		Again: here, Wait: "/sign-in/scan/wait?screen=Q0Fs"}
	scanned, miniProgram := shown, shown
	scanned.Scanned, miniProgram.Picture = true, "/sign-in/scan/code?screen=Q0Fs"
	pressed := miniProgram
	pressed.Press = true
	opens := pages.OpenWechat{Form: form, Client: client, Number: 42, Here: here, OtherWay: otherWay, Again: here,
		Wait: "/sign-in/scan/wait?screen=Q0Fs"}
	opening, confirming, failed := opens, opens, opens
	opening.Scheme, confirming.Scanned, failed.Failed = "weixin://dl/business/?t=Q0Fs", true, true
	ask := pages.ApproveScan{Form: form, Client: client, Host: "shop.example.com", User: user,
		OtherAccount: "/sign-in?to=scan", Numbers: []int{17, 42, 88}, Address: "203.0.113.9",
		Device: "Chrome, Windows", Near: true, Place: names.Place, Age: 12 * time.Second}
	far := ask
	far.Near, far.Numbers, far.CallerPlace, far.Age = false, []int{42}, names.OtherPlace, 95*time.Second
	samples := []Sample{{"scan", shown}, {"scan-scanned", scanned},
		{"scan-mini-program", miniProgram}, {"scan-press", pressed},
		{"open-wechat", opens}, {"open-wechat-opening", opening}, {"open-wechat-scanned", confirming},
		{"open-wechat-failed", failed},
		{"open-wechat-denied", pages.ScanOver{Reason: pages.ScanDenied.Opened(), Again: here, OtherWay: otherWay}},
		{"open-wechat-expired", pages.ScanOver{Reason: pages.ScanExpired.Opened(), Again: here, OtherWay: otherWay}},
		{"open-wechat-confirm", pages.ScanConfirm{Form: form, Client: client, User: user, Opened: true, Again: here}},
		{"scan-denied", pages.ScanOver{Reason: pages.ScanDenied, Again: here, OtherWay: otherWay}},
		{"scan-expired", pages.ScanOver{Reason: pages.ScanExpired, Again: here, OtherWay: otherWay}},
		{"scan-confirm", pages.ScanConfirm{Form: form, Client: client, User: user, Again: here}},
		{"scan-approve", ask}, {"scan-approve-far", far}}
	for _, outcome := range []pages.ScanOutcome{pages.ScanWasApproved, pages.ScanWasDenied, pages.ScanWasReported,
		pages.ScanWrongNumber, pages.ScanTaken, pages.ScanDecided, pages.ScanGone} {
		samples = append(samples, Sample{"scan-done-" + string(outcome),
			pages.ScanDone{Outcome: outcome, Client: client}})
	}
	return samples
}
