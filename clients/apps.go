package clients

import (
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// PlatformOf tells by its form whose AppID it is; WeChat's, if it is nobody's.
func PlatformOf(id string) string {
	if ValidAppID(identity.PlatformQQ, id) {
		return identity.PlatformQQ
	}
	return identity.PlatformWechat
}

// ValidAppID reports whether an AppID has the form of a platform's.
func ValidAppID(platform, id string) bool {
	if platform == identity.PlatformQQ {
		return qq.ValidAppID(id)
	}
	return wechat.ValidAppID(id)
}

// CheckApp returns everything that is wrong with an app's record but its secret, as FieldErrors.
func CheckApp(app identity.App) error {
	var c checker
	if !ValidAppID(app.Platform, app.ID) {
		c.reject("appid", "%q is not an AppID: WeChat's are wx and 16 lower-case hexadecimal digits, QQ's are 6 to 20 "+
			"digits; it is shown in the app's console", app.ID)
	}
	switch {
	case !slices.Contains(identity.Kinds(), app.Kind):
		c.reject("kind", "there is no kind %q; give one of %s", app.Kind, strings.Join(identity.Kinds(), ", "))
	case app.Platform == identity.PlatformQQ && app.Kind != identity.KindMiniProgram:
		c.reject("kind", "of QQ's apps only those of kind %s can be added", identity.KindMiniProgram)
	}
	c.checkPhoneBudget(app)
	return c.errs.asError()
}

// CheckPhoneBudget returns why an app cannot have its phone budget, as FieldErrors.
func CheckPhoneBudget(app identity.App) error {
	var c checker
	c.checkPhoneBudget(app)
	return c.errs.asError()
}

func (c *checker) checkPhoneBudget(app identity.App) {
	switch {
	case app.PhoneBudget < -1:
		c.reject("phone_budget", "a number of phone numbers, 0 for none, or -1 for no bound")
	case app.PhoneBudget != 0 && (app.Platform != identity.PlatformWechat || app.Kind != identity.KindMiniProgram):
		c.reject("phone_budget", "a phone budget is of no use to this app: phone numbers come from WeChat's "+
			"mini-programs only")
	}
}

// SimulatorSecretPrefix begins the AppSecret of every simulated app, and no real one.
const SimulatorSecretPrefix = "simulator-"

// ParseAppSecret returns what may be an AppSecret, without spaces around it, or a FieldError that does not repeat the
// text.
func ParseAppSecret(text string) (identity.Secret, error) {
	secret := strings.TrimSpace(text)
	if secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", FieldError{"secret", "that is no AppSecret: it is empty or has spaces or characters outside " +
			"ASCII; is this the right file, and is it plain text?"}
	}
	return identity.Secret(secret), nil
}

// UsualAppSecret reports whether a secret looks like those of a platform or of its simulator. WeChat documents no form,
// so one that does not is worth a warning and no more; of QQ's nothing is known.
func UsualAppSecret(platform string, secret identity.Secret) bool {
	text := secret.Reveal()
	return platform != identity.PlatformWechat || strings.HasPrefix(text, SimulatorSecretPrefix) ||
		len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}
