package wechat

import "strings"

// A Kind is what a mini-program got encrypted. The caller names it, so that
// data of one kind, changed by whoever handed it on, cannot pass for another.
type Kind string

// The kinds, by the calls that yield them.
const (
	KindUserInfo Kind = "user_info" // wx.getUserInfo, wx.getUserProfile
	KindPhone    Kind = "phone"     // the getPhoneNumber button
	KindShare    Kind = "share"     // wx.getShareInfo
	KindGroup    Kind = "group"     // wx.getGroupEnterInfo
	KindRun      Kind = "run"       // wx.getWeRunData
)

// Kinds lists the kinds there are.
func Kinds() []Kind { return []Kind{KindUserInfo, KindPhone, KindShare, KindGroup, KindRun} }

// maxSteps bounds the days of a [RunInfo]. WeChat tells of thirty.
const maxSteps = 100

// UserInfo is of KindUserInfo. Since 2021 it tells nothing of the person but
// the ids. The unionid is the text of somebody's phone: it must link nothing.
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

// PhoneInfo is of KindPhone.
type PhoneInfo struct {
	PhoneNumber     string `json:"phoneNumber"` // with the country code if it is foreign
	PurePhoneNumber string `json:"purePhoneNumber"`
	CountryCode     string `json:"countryCode"`
}

// GroupInfo is of KindShare and KindGroup.
type GroupInfo struct {
	OpenGID string `json:"openGId"`
}

// RunInfo is of KindRun.
type RunInfo struct {
	StepInfoList []StepInfo `json:"stepInfoList"`
}

// StepInfo is how many steps somebody made on a day.
type StepInfo struct {
	Timestamp int64 `json:"timestamp"` // of the day's beginning, in seconds
	Step      int64 `json:"step"`
}

// read takes the members of a kind. An unknown kind has none, and fails.
func (k Kind) read(from *fieldReader) any {
	switch k {
	case KindUserInfo:
		return readUserInfo(from)
	case KindPhone:
		return readPhoneInfo(from)
	case KindShare, KindGroup:
		return &GroupInfo{OpenGID: from.identifier("openGId")}
	case KindRun:
		return readRunInfo(from)
	}
	from.fail()
	return nil
}

func readUserInfo(from *fieldReader) *UserInfo {
	info := &UserInfo{
		NickName:  from.text("nickName"),
		Gender:    from.optionalInteger("gender"),
		Language:  from.optionalText("language"),
		City:      from.optionalText("city"),
		Province:  from.optionalText("province"),
		Country:   from.optionalText("country"),
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

// plausible holds the number against the one with its country code, which is
// written in any way.
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
		if day.finish() != nil {
			from.fail()
		}
	}
	return info
}
