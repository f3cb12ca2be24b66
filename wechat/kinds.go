package wechat

import "strings"

// A Kind is a kind of encrypted data. The caller names it, so that modified data of one
// kind is not accepted as another.
type Kind string

// The kinds, by the calls that yield them.
const (
	KindUserInfo Kind = "user_info" // wx.getUserInfo, wx.getUserProfile
	KindPhone    Kind = "phone"     // the getPhoneNumber button
	KindShare    Kind = "share"     // wx.getShareInfo, which WeChat no longer maintains
	KindGroup    Kind = "group"     // wx.getGroupEnterInfo, wx.getChatToolInfo
	KindRun      Kind = "run"       // wx.getWeRunData
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{KindUserInfo, KindPhone, KindShare, KindGroup, KindRun} }

// maxSteps limits the days of a [RunInfo]. WeChat returns 31.
const maxSteps = 100

// UserInfo is the data of KindUserInfo. Since 2021 only the ids are real. The unionid comes
// from the user's phone, so it must not be used to link accounts.
type UserInfo struct {
	OpenID    string `json:"openId,omitempty"`
	UnionID   string `json:"unionId,omitempty"`
	NickName  string `json:"nickName"`
	Gender    int64  `json:"gender"`
	Language  string `json:"language"`
	City      string `json:"city"`
	Province  string `json:"province"`
	Country   string `json:"country"`
	AvatarURL string `json:"avatarUrl"`
}

// PhoneInfo is the data of KindPhone.
type PhoneInfo struct {
	PhoneNumber     string `json:"phoneNumber"` // with the country code if it is foreign
	PurePhoneNumber string `json:"purePhoneNumber"`
	CountryCode     string `json:"countryCode"`
}

// ShareInfo is the data of KindShare.
type ShareInfo struct {
	OpenGID string `json:"openGId"`
}

// GroupInfo is the data of KindGroup. A chat of two has a room id instead of a group id. WeChat gives the user's id
// in the chat only if the program asks for it.
type GroupInfo struct {
	OpenGID          string `json:"opengid,omitempty"`
	OpenSingleRoomID string `json:"open_single_roomid,omitempty"`
	GroupOpenID      string `json:"group_openid,omitempty"`
	ChatType         int64  `json:"chat_type,omitempty"`
}

// RunInfo is the data of KindRun.
type RunInfo struct {
	StepInfoList []StepInfo `json:"stepInfoList"`
}

// StepInfo is the number of steps on a day.
type StepInfo struct {
	Timestamp int64 `json:"timestamp"` // the beginning of the day, in seconds since 1970
	Step      int64 `json:"step"`
}

// read takes the members of a kind. An unknown kind fails.
func (k Kind) read(from *fieldReader) any {
	switch k {
	case KindUserInfo:
		return readUserInfo(from)
	case KindPhone:
		return readPhoneInfo(from)
	case KindShare:
		return &ShareInfo{OpenGID: from.identifier("openGId")}
	case KindGroup:
		return readGroupInfo(from)
	case KindRun:
		return readRunInfo(from)
	}
	from.fail()
	return nil
}

func readUserInfo(from *fieldReader) *UserInfo {
	info := &UserInfo{
		NickName:  from.words("nickName"),
		Gender:    from.optionalInteger("gender"),
		Language:  from.optionalWords("language"),
		City:      from.optionalWords("city"),
		Province:  from.optionalWords("province"),
		Country:   from.optionalWords("country"),
		AvatarURL: from.picture("avatarUrl"),
	}
	if from.has("openId") {
		info.OpenID = from.identifier("openId")
	}
	if from.has("unionId") {
		info.UnionID = from.identifier("unionId")
	}
	return info
}

func readGroupInfo(from *fieldReader) *GroupInfo {
	info := &GroupInfo{
		OpenGID:          from.optionalIdentifier("opengid"),
		OpenSingleRoomID: from.optionalIdentifier("open_single_roomid"),
		GroupOpenID:      from.optionalIdentifier("group_openid"),
		ChatType:         from.optionalInteger("chat_type"),
	}
	if info.OpenGID == "" && info.OpenSingleRoomID == "" {
		from.fail()
	}
	return info
}

func readPhoneInfo(from *fieldReader) *PhoneInfo {
	info := &PhoneInfo{
		PhoneNumber:     from.text("phoneNumber"),
		PurePhoneNumber: from.text("purePhoneNumber"),
		CountryCode:     from.digits("countryCode"),
	}
	if !info.plausible() {
		from.fail()
	}
	return info
}

// plausible reports whether the number and the one with the country code agree. WeChat
// writes the latter with or without "+" and country code.
func (p *PhoneInfo) plausible() bool {
	pure, country := p.PurePhoneNumber, p.CountryCode
	switch {
	case country == "" || country[0] == '0' || len(country) > maxCountryCode:
	case len(pure) < minNumber || len(pure) > maxNumber || strings.Trim(pure, "0123456789") != "":
	default:
		return p.PhoneNumber == pure || strings.TrimPrefix(p.PhoneNumber, "+") == country+pure
	}
	return false
}

func readRunInfo(from *fieldReader) *RunInfo {
	days := from.objects("stepInfoList")
	if len(days) > maxSteps {
		from.fail()
		return nil
	}
	info := &RunInfo{StepInfoList: []StepInfo{}}
	for _, day := range days {
		info.StepInfoList = append(info.StepInfoList, StepInfo{day.integer("timestamp"), day.integer("step")})
		if day.failed {
			from.fail()
		}
	}
	return info
}
