package authorize

import "strings"

// Environment is where a browser is. It decides which ways to sign in are offered, and which stands first; never what
// is allowed, since a browser can say anything.
type Environment int

// The environments.
const (
	Desktop       Environment = iota // a screen that a phone can scan: of a computer or a tablet
	Phone                            // a browser on a phone
	InWechat                         // WeChat's own browser, on any device
	InMiniProgram                    // a web-view in a mini-program
)

// EnvironmentOf reads a User-Agent header. WeCom's browser, which says that it is WeChat's, is as any other, but for
// web-views: they lead to no page of WeChat in WeCom's mini-programs either. What runs Android and is not "Mobile" is a
// tablet; an iPad says that it is a Mac, or else that it is "Mobile" as well.
func EnvironmentOf(userAgent string) Environment {
	has := func(word string) bool { return strings.Contains(userAgent, word) }
	switch {
	case has("miniProgram"):
		return InMiniProgram
	case has("MicroMessenger") && !has("wxwork"):
		return InWechat
	case has("iPhone"), has("Mobile") && !has("iPad"):
		return Phone
	}
	return Desktop
}

// Presses reports whether people press the codes of a page for long, since the phone that shows them cannot scan them.
func (e Environment) Presses() bool { return e == InWechat }
