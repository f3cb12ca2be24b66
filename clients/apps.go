package clients

import (
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// PlatformOf returns the platform of an AppID, which it recognizes by its form. It returns WeChat for any other text.
func PlatformOf(id string) string {
	if ValidAppID(identity.PlatformQQ, id) {
		return identity.PlatformQQ
	}
	return identity.PlatformWechat
}

// ValidAppID reports whether an AppID has the form of a platform's AppIDs.
func ValidAppID(platform, id string) bool {
	if platform == identity.PlatformQQ {
		return qq.ValidAppID(id)
	}
	return wechat.ValidAppID(id)
}

// CheckApp checks an app's record except its secret. It returns all that is wrong as FieldErrors.
func CheckApp(app identity.App) error {
	var c checker
	if !ValidAppID(app.Platform, app.ID) {
		c.reject("appid", "%q is not an AppID: WeChat's are wx and 16 lowercase hexadecimal digits, QQ's are 6 to 20 "+
			"digits; see the app's console", app.ID)
	}
	switch {
	case !slices.Contains(identity.Kinds(), app.Kind):
		c.reject("kind", "there is no kind %q; use one of %s", app.Kind, strings.Join(identity.Kinds(), ", "))
	case app.Platform == identity.PlatformQQ && app.Kind != identity.KindMiniProgram:
		c.reject("kind", "only QQ apps of kind %s can be added", identity.KindMiniProgram)
	}
	c.checkPhoneBudget(app)
	return c.errs.asError()
}

// CheckPhoneBudget checks an app's phone budget. It returns what is wrong as FieldErrors.
func CheckPhoneBudget(app identity.App) error {
	var c checker
	c.checkPhoneBudget(app)
	return c.errs.asError()
}

func (c *checker) checkPhoneBudget(app identity.App) {
	switch {
	case app.PhoneBudget < -1:
		c.reject("phone_budget", "must be a number of phone numbers, 0 for none, or -1 for no limit")
	case app.PhoneBudget != 0 && (app.Platform != identity.PlatformWechat || app.Kind != identity.KindMiniProgram):
		c.reject("phone_budget", "this app cannot have a phone budget: only WeChat mini-programs provide phone numbers")
	}
}

// SimulatorSecretPrefix is the prefix of the AppSecret of every simulated app, and of no real one.
const SimulatorSecretPrefix = "simulator-"

// ParseAppSecret returns an AppSecret without surrounding white space. If the text cannot be an AppSecret, it returns a
// FieldError, which does not contain the text.
func ParseAppSecret(text string) (identity.Secret, error) {
	secret := strings.TrimSpace(text)
	if secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", FieldError{"secret", "this is not an AppSecret: it is empty or contains spaces or characters " +
			"outside ASCII; check that the file is the right one and plain text"}
	}
	return identity.Secret(secret), nil
}

// UsualAppSecret reports whether a secret looks like those of a platform or of its simulator. WeChat does not document
// the form, so an unusual secret only deserves a warning. The form of QQ's secrets is unknown: all are usual.
func UsualAppSecret(platform string, secret identity.Secret) bool {
	text := secret.Reveal()
	return platform != identity.PlatformWechat || strings.HasPrefix(text, SimulatorSecretPrefix) ||
		len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}
