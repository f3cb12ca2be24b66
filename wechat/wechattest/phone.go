package wechattest

import "strconv"

// phoneNumbers are told for the codes of a button.
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
	if refused := decodePost(received, &body); refused != nil {
		return refused
	}
	appID, refused := s.bearer(received)
	if refused != nil {
		return refused
	}
	if body.Code == "" {
		return refuse(41008)
	}
	if minted, found := s.codes.get(body.Code); found && minted.kind == phoneCode && minted.appID != appID {
		return refuse(40013)
	}
	redeemed, errcode := s.lookUp(phoneCode, appID, body.Code)
	if errcode != 0 {
		return refuse(40029) // here a used code is an invalid one
	}
	if body.OpenID != "" && body.OpenID != OpenID(appID, redeemed.user) {
		return refuse(40003)
	}
	redeemed.used = true
	return &answer{members: map[string]any{"phone_info": s.phonePayload(appID, redeemed.user)}}
}

// phonePayload is phone_info, which the older encrypted way has as plaintext.
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
