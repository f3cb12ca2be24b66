package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

func (d *doctor) checkClients(ctx context.Context) {
	records, err := within(ctx, d.database.Clients().List)
	apps, err2 := within(ctx, d.database.Apps().List)
	if err := errors.Join(err, err2); err != nil {
		d.report.fault("cannot be listed: "+d.report.words(err), checkDatabaseURL)
		return
	}
	records = slices.DeleteFunc(records, identity.Client.Disabled)
	if len(records) == 0 {
		d.report.warning("none that is enabled: nobody can request tokens",
			"create one; for examples see: lingpai clients create --help")
		return
	}
	before := len(d.report.findings)
	check := clientCheck{report: d.report, settings: d.settings, faulty: d.faulty, apps: apps,
		closed: d.closedApps(ctx)}
	for _, client := range records {
		check.record(client)
		check.scopes(client)
		check.audiences(client, time.Now())
	}
	check.sharedApps(records)
	d.checkRefreshKeys(ctx, records)
	if len(d.report.findings) == before {
		d.report.ok(terminal.Plural(len(records), "enabled client") + ": nothing wrong")
	}
}

// closedApps returns the ids of apps whose AppSecret master_key does not decrypt, or none if master_key is invalid.
func (d *doctor) closedApps(ctx context.Context) (ids []string) {
	apps, _ := within(ctx, d.database.Apps().Closed)
	for _, app := range apps {
		ids = append(ids, app.ID)
	}
	return ids
}

// clientCheck checks the records of clients.
type clientCheck struct {
	report   *report
	settings settings.Settings
	faulty   func(key string) bool // reports whether a setting is invalid
	apps     []identity.App
	closed   []string // ids of apps whose AppSecret cannot be decrypted
}

// correct returns how to change a client's record.
func correct(id string) string {
	return "change its record with lingpai clients update " + id + " (see --help), or if no program needs it: " +
		"lingpai clients disable " + id
}

// record checks one client by itself.
func (c clientCheck) record(client identity.Client) {
	for _, fault := range terminal.ClientProblems(client, c.apps) {
		found, advice, ok := strings.Cut(fault.Error(), "; add it with: ")
		if !ok {
			advice = correct(client.ID)
		}
		c.report.fault(client.ID+": "+found, advice)
	}
	if client.Confidential && len(client.SecretHash) == 0 && !client.HasKeys() {
		c.report.fault(client.ID+": it is confidential and has no secret, so it cannot authenticate",
			"lingpai clients rotate-secret "+client.ID)
	}
	if !client.Confidential && client.Allows(oauth.GrantPassword) {
		c.report.warning(client.ID+": it is public and may use the password grant, so any program can try passwords "+
			"in its name", correct(client.ID))
	}
	if most := c.settings.AccessTTLBound(); client.AccessTTL > most && !c.faulty("keys.retire") {
		c.report.warning(fmt.Sprintf("%s: its access tokens are valid for %s instead of %s, since keys are published "+
			"only for keys.retire=%s after they signed", client.ID,
			short(most), short(client.AccessTTL), short(c.settings.KeyRetire)),
			fmt.Sprintf("set keys.retire to %s or more", short(client.AccessTTL+settings.RotationDelay)))
	}
	if found := clients.DubiousRedirects(client); found != "" {
		c.report.warning(client.ID+": "+found, "if it is being developed, nothing; otherwise "+correct(client.ID))
	}
	if longer := c.longerLifetimes(client); len(longer) > 0 {
		c.report.warning(client.ID+": its record sets longer lifetimes than the server's settings: "+
			strings.Join(longer, ", "),
			"if that is intended, nothing; otherwise "+correct(client.ID))
	}
}

// audiences warns about a client whose tokens are for APIs and for this server at once, or seem to be.
func (c clientCheck) audiences(client identity.Client, now time.Time) {
	if now.Before(client.LegacyAudienceUntil) {
		c.report.warning(fmt.Sprintf("%s: until %s its tokens are for its APIs and for this server, so an API can use "+
			"them here", client.ID, client.LegacyAudienceUntil.UTC().Format(time.RFC3339)),
			"when lingpai_legacy_audience_total no longer grows: lingpai clients set-legacy-audience "+client.ID+" off")
	}
	if len(client.Audience) > 1 && slices.Contains(client.Audience, c.settings.Issuer) {
		c.report.warning(client.ID+": its audiences are APIs and this server, but no token is for both: without a "+
			"resource, its tokens are only for the APIs", "if its program calls this server, let it request "+
			"resource="+c.settings.Issuer+"; otherwise there is nothing to do")
	}
}

// longerLifetimes describes where a client's record exceeds the settings. That is easily forgotten when the settings
// are lowered.
func (c clientCheck) longerLifetimes(client identity.Client) []string {
	var longer []string
	for _, life := range []struct {
		key         string
		own, server time.Duration
	}{
		{"token.access_ttl", client.AccessTTL, c.settings.AccessTTL},
		{"session.idle", client.IdleTTL, c.settings.SessionIdle},
		{"session.absolute", client.AbsoluteTTL, c.settings.SessionAbsolute},
	} {
		if !c.faulty(life.key) && life.own > life.server {
			longer = append(longer, fmt.Sprintf("%s instead of %s=%s", short(life.own), life.key, short(life.server)))
		}
	}
	return longer
}

const (
	keyUseSpan    = 7 * 24 * time.Hour // whose refreshes are counted
	minLenientUse = 5                  // refreshes with keys from which they seem to be intended
)

// checkRefreshKeys compares the clients' refresh_keys with the refreshes that their sessions remember.
func (d *doctor) checkRefreshKeys(ctx context.Context, records []identity.Client) {
	uses, err := within(ctx, func(ctx context.Context) (map[string]sql.KeyUse, error) {
		now, err := d.database.Clock(ctx)
		if err != nil {
			return nil, err
		}
		return d.database.Sessions().SampleKeyUse(ctx, now.Add(-keyUseSpan))
	})
	if err != nil {
		d.report.fault("their sessions cannot be read: "+d.report.words(err), checkDatabaseURL)
		return
	}
	for _, client := range records {
		use := uses[client.ID]
		total := use.With + use.Without
		switch {
		case client.RefreshKeys && 10*use.Without > total: // some devices have no random source
			d.report.warning(fmt.Sprintf("%s: its refresh_keys is on, but %d of %d sampled refreshes had no "+
				"Idempotency-Key; a retry with a key, or without the first one's key, ends the session", client.ID,
				use.Without, total),
				"let the program send one with every refresh, as the SDK does, or: lingpai clients set-refresh-keys "+
					client.ID+" off")
		case !client.RefreshKeys && use.Without == 0 && total >= minLenientUse:
			d.report.warning(fmt.Sprintf("%s: its refresh_keys is off, but all of %d sampled refreshes had an "+
				"Idempotency-Key; a thief who refreshes at nearly the same time as the owner is not noticed", client.ID,
				total),
				"if the program makes one key with each refresh token and repeats it only with that token, as the "+
					"SDK does: lingpai clients set-refresh-keys "+client.ID+" on")
		}
	}
}

// sharedApps warns about public clients of one app that differ: anyone who has a code of the app can choose among them.
func (c clientCheck) sharedApps(records []identity.Client) {
	for _, app := range c.apps {
		var ids []string
		differ := false
		var first identity.Client
		for _, client := range records {
			if client.Confidential || !slices.Contains(client.Apps, app.ID) {
				continue
			}
			if len(ids) == 0 {
				first = client
			}
			ids = append(ids, client.ID)
			differ = differ || !clients.SameRights(first, client)
		}
		if differ {
			c.report.warning(fmt.Sprintf(
				"%s: public clients of app %s with different grants, scopes, audiences, lifetimes or claims; "+
					"anyone who has a code of the app can use any of them",
				strings.Join(ids, ", "), app.ID),
				"compare them with lingpai clients show, and make them equal with lingpai clients update, or disable "+
					"those that nobody needs: lingpai clients disable "+ids[len(ids)-1])
		}
	}
}

// scopes checks that a client with a scope for WeChat's APIs has what they need: an app and its AppSecret. The
// rule that wechat.app_token needs an app is about records; record checks it.
func (c clientCheck) scopes(client identity.Client) {
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
		c.report.warning(client.ID+": it may request "+oauth.ScopeWechatData+
			" and has no app, so there is no data that it could decrypt", correct(client.ID))
	}
	for _, id := range client.Apps {
		if slices.Contains(c.closed, id) {
			c.report.warning(client.ID+": it may request "+strings.Join(asked, " and ")+
				", but WeChat cannot be called: master_key does not decrypt the AppSecret of "+id,
				"follow the advice for the app, or set its AppSecret with: lingpai apps rotate-secret "+id)
		}
	}
}
