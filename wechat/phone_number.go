package wechat

import (
	"context"
	"errors"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// Limits of a phone number, in digits (ITU-T E.164). The shortest foreign ones have four.
const (
	maxCountryCode = 4
	minNumber      = 4
	maxNumber      = 14
)

// A Phone is a number that WeChat verified. It does not identify a user: numbers are
// reassigned to other people.
type Phone struct {
	CountryCode string // such as "86"
	Number      Secret // digits, without the country code
}

// phoneClasses are the errcodes that mean something else here: the code is another user's,
// or another app's.
func phoneClasses() map[int]error {
	return map[int]error{40003: ErrBadCode, 40013: ErrBadCode}
}

// PhoneNumber exchanges the code of a getPhoneNumber button for the user's number
// (getPhoneNumber, POST /wxa/business/getuserphonenumber). The openid is that of the user
// who sent the code: WeChat rejects the code of anybody else. Like a login code it can be
// used once, so after ErrUnavailable it may be used up, and charged, unless NotSent is set.
func (a *AppTokens) PhoneNumber(ctx context.Context, credentials Credentials, code, openID string) (Phone, error) {
	switch {
	case !PlausibleCode(code):
		return Phone{}, &Error{Class: ErrBadCode, Reason: "implausible code"}
	case !plausibleIdentifier(openID): // without openid, WeChat accepts any user's code
		return Phone{}, &Error{Class: ErrUnavailable, Reason: "implausible openid"}
	}
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	phone, err := withAppToken(ctx, a, "getPhoneNumber", credentials, func(ctx context.Context,
		token Secret) (Phone, error) {
		ctx = httptrace.WithClientTrace(ctx, trace)
		body, err := a.client.post(ctx, "/wxa/business/getuserphonenumber", withToken(token, nil),
			map[string]string{"code": code, "openid": openID})
		if err != nil {
			return Phone{}, err
		}
		return parsePhoneNumber(body, credentials.AppID)
	})
	if failed, ok := errors.AsType[*Error](err); ok && !sent.Load() {
		unsent := *failed // a copy, since other callers may have the same *Error
		unsent.NotSent = true
		return Phone{}, &unsent
	}
	return phone, err
}

func parsePhoneNumber(body []byte, appID string) (Phone, error) {
	members, err := parseAnswer(body, phoneClasses())
	if err != nil {
		return Phone{}, err
	}
	info, err := members.object("phone_info")
	if err != nil {
		return Phone{}, outage("no phone_info")
	}
	watermark, err := info.object("watermark")
	if err != nil {
		return Phone{}, outage("no watermark")
	}
	if named, err := watermark.text("appid"); err != nil || named != appID {
		return Phone{}, outage("watermark of another app")
	}
	country, err := info.digits("countryCode")
	if err != nil || len(country) > maxCountryCode || country == "" || country[0] == '0' {
		return Phone{}, outage("implausible country code")
	}
	number, err := info.digits("purePhoneNumber")
	if err != nil || len(number) < minNumber || len(number) > maxNumber {
		return Phone{}, outage("implausible phone number")
	}
	return Phone{CountryCode: country, Number: Secret(number)}, nil
}

// object returns a member that is an object.
func (o object) object(name string) (object, error) {
	raw, present := o[name]
	if !present {
		return nil, errMalformed
	}
	return parseObject(raw)
}

// digits returns a member that is a string of digits or, as in some samples of
// WeChat's documentation, a number.
func (o object) digits(name string) (string, error) {
	text := string(o[name])
	if strings.HasPrefix(text, `"`) {
		var err error
		if text, err = o.text(name); err != nil {
			return "", err
		}
	}
	if strings.Trim(text, "0123456789") != "" {
		return "", errMalformed
	}
	return text, nil
}
