package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
)

// closedApps are the apps whose AppSecret master_key does not open; none if it is the master key that is not right.
func (d *doctor) closedApps(ctx context.Context, apps []identity.App) []string {
	var closed []string
	for _, app := range apps {
		if d.faulty("master_key") {
			continue
		}
		_, err := within(ctx, func(ctx context.Context) (identity.App, error) {
			return d.database.Apps().Find(ctx, app.Platform, app.ID)
		})
		if errors.Is(err, keys.ErrUnknownMasterKey) || errors.Is(err, keys.ErrSealBroken) {
			closed = append(closed, app.ID)
		}
	}
	return closed
}

// checkScopes looks whether a client that may have something of WeChat's can get it, which takes an app and
// its AppSecret. That wechat.app_token takes an app is a rule for records, which is looked at with the
// others.
func (d *doctor) checkScopes(client identity.Client, closed []string) {
	var asked []string
	for _, scope := range []string{oauth.ScopeWechatAppToken, oauth.ScopeWechatData} {
		if slices.Contains(client.Scopes, scope) {
			asked = append(asked, scope)
		}
	}
	if len(asked) == 0 {
		return
	}
	if len(client.Apps) == 0 && slices.Contains(asked, oauth.ScopeWechatData) {
		d.report.warning(client.ID+": it may ask for "+oauth.ScopeWechatData+
			" and has no app, so there is nobody whose data it could have opened", instead(client.ID))
	}
	for _, id := range client.Apps {
		if slices.Contains(closed, id) {
			d.report.warning(client.ID+": it may ask for "+strings.Join(asked, " and ")+
				", and WeChat cannot be asked: master_key does not open the AppSecret of "+id,
				"do what is said of the app, or give its AppSecret anew with: lingpai apps rotate-secret "+id)
		}
	}
}
