package wechattest

import "strconv"

// phoneNumbers exchanges the codes of the getPhoneNumber button.
type phoneNumbers struct {
	*platform
	*codeStore
	*appTokens
}

// phoneNumber is getPhoneNumber, POST /wxa/business/getuserphonenumber.
func (s *phoneNumbers) phoneNumber(received call) *answer {
	var body struct {
		Code   string `json:"code"`
		OpenID string `json:"openid"`
	}
	if failed := decodePost(received, &body); failed != nil {
		return failed
	}
	appID, failed := s.bearer(received)
	if failed != nil {
		return failed
	}
	if body.Code == "" {
		return failWith(41008)
	}
	if minted, found := s.codes.get(body.Code); found && minted.kind == phoneCode && minted.appID != appID {
		return failWith(40013)
	}
	redeemed, errcode := s.lookUp(phoneCode, appID, body.Code)
	if errcode != 0 {
		return failWith(40029) // here a used code is invalid
	}
	if body.OpenID != "" && body.OpenID != OpenID(appID, redeemed.user) {
		return failWith(40003)
	}
	redeemed.used = true
	return &answer{members: map[string]any{"phone_info": s.phonePayload(appID, redeemed.user)}}
}

// phonePayload returns phone_info, which is also the plaintext of encrypted phone numbers.
func (s *phoneNumbers) phonePayload(appID, name string) map[string]any {
	user := s.user(name)
	full := user.PhoneNumber
	if user.CountryCode != "86" {
		full = "+" + user.CountryCode + full
	}
	var countryCode any = user.CountryCode
	if number, err := strconv.Atoi(user.CountryCode); err == nil && s.variant.CountryCodeNumber {
		countryCode = number
	}
	return map[string]any{
		"phoneNumber":     full,
		"purePhoneNumber": user.PhoneNumber,
		"countryCode":     countryCode,
		"watermark":       watermark(appID, s.now()),
	}
}
