package userimport

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/internal/pattern"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// knownApps are the registered apps, by platform and id.
type knownApps struct {
	byID map[[2]string]identity.App
}

func newKnownApps(list []identity.App) knownApps {
	apps := knownApps{byID: map[[2]string]identity.App{}}
	for _, app := range list {
		apps.byID[[2]string{app.Platform, app.ID}] = app
	}
	return apps
}

// person parses a row and checks what can be checked without the database. A rejected row has its id as well, for the
// report.
func (f rowFields) person(apps knownApps) (identity.ImportedUser, error) {
	t := f.texts
	n := identity.ImportedUser{ID: t["sub"], Username: t["username"], PasswordHash: t["password_hash"], Roles: f.roles,
		Disabled: f.disabled}
	if n.PasswordHash != "" {
		if err := password.CheckHash(n.PasswordHash); err != nil {
			return n, fmt.Errorf("password_hash: %w", err)
		}
	}
	var err error
	if n.Profile, err = f.profile(); err != nil {
		return n, err
	}
	if n.Phone, err = parsePhone(t["phone"]); err != nil {
		return n, err
	}
	if n.CreatedAt, err = parseCreatedAt(t["created_at"]); err != nil {
		return n, err
	}
	n.Identities, err = f.identities(apps)
	return n, err
}

func (f rowFields) profile() (identity.Profile, error) {
	t := f.texts
	profile, err := accounts.CheckProfile(identity.Profile{
		Name: t["name"], Nickname: t["nickname"], Picture: t["picture"], Gender: t["gender"], Locale: t["locale"],
		Email: t["email"], Address: t["address"],
	})
	if refused, ok := errors.AsType[*oauth.Error](err); ok {
		return identity.Profile{}, errors.New(strings.TrimSuffix(refused.Description, "."))
	}
	return profile, err
}

var (
	phoneOfChina = pattern.Lazy(`^1[0-9]{10}$`)
	phoneE164    = pattern.Lazy(`^\+[1-9][0-9]{6,14}$`)
)

func parsePhone(text string) (string, error) {
	switch {
	case phoneOfChina().MatchString(text):
		return "+86" + text, nil
	case text == "" || phoneE164().MatchString(text):
		return text, nil
	}
	return "", errors.New("phone must be + with country code and number, without spaces, or a Chinese mobile number " +
		"of 11 digits that begin with 1")
}

// firstMilliseconds is the smallest number that is milliseconds: as seconds it would be in the year 5138.
const firstMilliseconds = 1e11

func parseCreatedAt(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		number, notNumber := strconv.ParseInt(text, 10, 64)
		if err = notNumber; number >= firstMilliseconds {
			at = time.UnixMilli(number)
		} else {
			at = time.Unix(number, 0)
		}
	}
	if err != nil || at.Unix() < 0 {
		return time.Time{}, errors.New("created_at must be a time such as 2024-05-06T07:08:09+08:00, or whole " +
			"seconds or milliseconds since 1970")
	}
	return at, nil
}

// identities returns the accounts of a row, with the Open Platform accounts that their apps are bound to.
func (f rowFields) identities(apps knownApps) (identities []identity.ExternalIdentity, err error) {
	all := f.accounts
	if f.texts["app"] != "" || f.texts["openid"] != "" || f.texts["unionid"] != "" {
		if len(all) > 0 {
			return nil, errors.New("the row has both accounts and one of app, openid and unionid: put " +
				"all of them into accounts")
		}
		all = []map[string]string{f.texts}
	}
	for _, account := range all {
		s, err := apps.external(account["platform"], account["app"], account["openid"], account["unionid"])
		if err != nil {
			return nil, err
		}
		identities = append(identities, s)
	}
	return identities, nil
}

// validID reports whether a text can be an id of a platform's user.
func validID(text string) bool { return text != "" && len(text) <= 128 && oauth.Visible(text) }

// external returns an account. Without a platform, the AppID determines it, as in "apps add".
func (a knownApps) external(platform, app, openid, unionid string) (identity.ExternalIdentity, error) {
	if platform == "" {
		platform = clients.PlatformOf(app)
	}
	switch {
	case platform != identity.PlatformWechat && platform != identity.PlatformQQ:
		return identity.ExternalIdentity{}, errors.New(`the platform of an account must be "wechat" or "qq"`)
	case !validID(openid) || unionid != "" && !validID(unionid):
		return identity.ExternalIdentity{}, errors.New(
			"openid, and unionid if given, must be 1 to 128 printable ASCII characters without spaces")
	case !clients.ValidAppID(platform, app):
		return identity.ExternalIdentity{}, fmt.Errorf("app is not an AppID of %s", platform)
	}
	known, exists := a.byID[[2]string{platform, app}]
	switch {
	case !exists:
		return identity.ExternalIdentity{}, fmt.Errorf("there is no app %s: add it with: lingpai apps add %s", app,
			app)
	case unionid != "" && known.OpenPlatform == "":
		return identity.ExternalIdentity{}, fmt.Errorf(
			"app %s has no Open Platform account, so a unionid is meaningless: add the app with --open-platform, "+
				"or set it with: lingpai apps set-open-platform %s NAME", app, app)
	}
	key := identity.AccountKey{Platform: platform, App: app, Subject: openid}
	return identity.ExternalIdentity{AccountKey: key, UnionID: unionid, OpenPlatform: known.OpenPlatform}, nil
}
