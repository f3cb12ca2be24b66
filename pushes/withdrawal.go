package pushes

import (
	"strconv"
	"strings"

	"github.com/lingpai/lingpai/identity"
)

// The events by which WeChat reports that permissions were withdrawn.
// https://developers.weixin.qq.com/miniprogram/dev/server/event_push/platform/authorized_user_information_changes
// https://developers.weixin.qq.com/doc/service/guide/h5/authorization_change.html
// https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/authorization_change.html
const (
	infoModified  = "user_info_modified"
	authRevoked   = "user_authorization_revoke"
	authCancelled = "user_authorization_cancellation"
)

// wholeApp is the RevokeInfo of a website or a mobile app.
const wholeApp = 301

// byRevokeInfo is what must be deleted for each RevokeInfo about data that this server may have. The others, such as
// the microphone (5) or the location (13), concern only what the mini-program itself stores.
var byRevokeInfo = map[int]identity.WithdrawnData{
	2:        {Address: true},
	6:        {Suggested: true}, // nickname and picture
	8:        {Phone: true},
	16:       {Email: true},
	19:       {Suggested: true, Nickname: true}, // chosen with WeChat's keyboard
	20:       {Suggested: true, Picture: true},  // chosen with WeChat's component
	201:      {Address: true},
	205:      {Suggested: true},
	wholeApp: whole,
}

// whole is everything that may have come from WeChat.
var whole = identity.WithdrawnData{Suggested: true, Nickname: true, Picture: true, Email: true, Address: true,
	Phone: true}

// withdrawalOf returns what an event withdraws, and whether the user's session key must be forgotten.
func withdrawalOf(event, revokeInfo string) (withdrawal identity.Withdrawal, forget, ok bool) {
	switch event {
	case infoModified:
		return identity.Withdrawal{Kind: identity.EventInfoModified,
			Data: identity.WithdrawnData{Suggested: true}}, false, true
	case authCancelled:
		return identity.Withdrawal{Kind: identity.EventAuthCancelled, Data: whole, Ends: true, Closed: true}, true, true
	case authRevoked:
		withdrawal, forget = revoked(revokeInfo)
		return withdrawal, forget, true
	}
	return identity.Withdrawal{}, false, false
}

// revoked returns what a RevokeInfo withdraws. Sessions end only if it concerns this server. One without a number may
// mean anything, so it is taken for the whole app.
func revoked(info string) (withdrawal identity.Withdrawal, forget bool) {
	withdrawal.Kind = identity.EventAuthRevoked
	numbers := strings.FieldsFunc(info, func(char rune) bool { return char < '0' || char > '9' })
	for _, text := range numbers[:min(len(numbers), maxNumbers)] {
		number, err := strconv.Atoi(text)
		if err != nil {
			continue
		}
		withdrawal.What = strings.TrimSpace(withdrawal.What + " " + strconv.Itoa(number))
		data, known := byRevokeInfo[number]
		withdrawal.Data = withdrawal.Data.Or(data)
		withdrawal.Ends = withdrawal.Ends || known
		forget = forget || number == wholeApp
	}
	if withdrawal.What == "" {
		withdrawal.What, withdrawal.Data, withdrawal.Ends, forget = "(no number)", whole, true, true
	}
	return withdrawal, forget
}

// maxNumbers limits the numbers in one RevokeInfo. WeChat documents about 25.
const maxNumbers = 32
