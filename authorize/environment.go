package authorize

import (
	"strings"

	"github.com/lingpai/lingpai/identity"
)

// Environment is where a browser is. It decides which ways to sign in are offered, and which stands first; never what
// is allowed, since a browser can say anything.
type Environment int

// The environments.
const (
	Desktop       Environment = iota
	Phone                     // a browser on a phone or a tablet
	InWechat                  // WeChat's own browser, on any device
	InMiniProgram             // a web-view in a mini-program
)

// EnvironmentOf reads a User-Agent header. WeCom's browser, which says that it is WeChat's, is as any other.
func EnvironmentOf(userAgent string) Environment {
	has := func(words ...string) bool {
		for _, word := range words {
			if strings.Contains(userAgent, word) {
				return true
			}
		}
		return false
	}
	switch {
	case has("MicroMessenger") && !has("wxwork") && has("miniProgram"):
		return InMiniProgram
	case has("MicroMessenger") && !has("wxwork"):
		return InWechat
	case has("Android", "iPhone", "iPad", "Mobile", "HarmonyOS"):
		return Phone
	}
	return Desktop
}

// offers reports whether WeChat's page for a kind of app is of use in an environment. That of a website app refuses
// WeChat's own browser, and that of an official account any other; neither opens in a mini-program.
func (e Environment) offers(kind string) bool {
	switch e {
	case Desktop, Phone:
		return kind == identity.KindWebsite
	case InWechat:
		return kind == identity.KindOfficialAccount
	}
	return false
}
