package dev

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/miniprogram"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/provider/browser"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	// databaseMark marks a database that dev created. Its value is the AppID in dev.json, which identifies the secrets
	// that belong to it.
	databaseMark = "lingpai dev"

	miniProgram  = "dev-mini-program"
	confidential = "dev-confidential"
	demoClient   = "dev-demo"
	username     = "demo"
	// Audience is the "aud" of the access tokens.
	Audience = "https://api.example.com"
	scope    = "api"
)

// scopeWords adds what the sample scope allows, as users read it, to the words of the operator.
func scopeWords(theirs pages.ScopeWords) pages.ScopeWords {
	all := pages.ScopeWords{scope: {"en": "Call the sample API", "zh-CN": "调用示例 API"}}
	maps.Copy(all, theirs)
	return all
}

// prepare makes a database ready for the provider.
func prepare(ctx context.Context, database *sql.DB, s seeds) error {
	if err := claimDatabase(ctx, database, s); err != nil {
		return err
	}
	return seed(ctx, database, s)
}

// claimDatabase migrates and marks a database that is empty or was created with these seeds, and rejects any other.
func claimDatabase(ctx context.Context, database *sql.DB, s seeds) error {
	migrated, err := database.Schema().Migrated(ctx)
	if err != nil {
		return err
	}
	if migrated {
		if err := checkOwn(ctx, database, s); err != nil {
			return err
		}
	}
	if _, err := database.Schema().MigrateUp(ctx); err != nil {
		return err
	}
	return database.Marks().Mark(ctx, databaseMark, s.AppID)
}

func checkOwn(ctx context.Context, database *sql.DB, s seeds) error {
	mark, err := database.Marks().Marked(ctx, databaseMark)
	switch {
	case err != nil:
		return err
	case mark == s.AppID:
		return nil
	case mark != "":
		return errors.New("lingpai dev created this database with another folder, whose dev.json holds its " +
			"secrets: use that folder as --data, or another database.url")
	}
	// A first start that was killed before it could mark the database leaves it empty.
	if empty, err := server.IsEmpty(ctx, database); err != nil || !empty {
		return errors.Join(errors.New("this database was not created by lingpai dev, so dev does not use "+
			"it: choose another --data, and unset database.url (LINGPAI_DATABASE_URL) if it is set"), err)
	}
	return nil
}

// seed creates the sample app, clients and user that do not exist yet.
func seed(ctx context.Context, database *sql.DB, s seeds) error {
	hash, err := password.New(password.Options{}).Hash(ctx, password.Caller{}, s.Password)
	if err != nil {
		return err
	}
	_, err = database.Users().Create(ctx, username, hash)
	for _, err := range []error{
		err,
		database.Apps().Add(ctx, identity.App{
			Platform: identity.PlatformWechat, ID: s.AppID, Kind: identity.KindMiniProgram,
			Name: "Simulated mini-program", Secret: identity.Secret(s.AppSecret),
		}),
		database.Apps().Add(ctx, s.browserApp(identity.KindWebsite)),
		database.Apps().Add(ctx, s.browserApp(identity.KindOfficialAccount)),
		database.Clients().Create(ctx, newMiniProgram(s)),
		database.Clients().Create(ctx, newClient(s, confidential, s.ClientSecret, oauth.GrantWechatCode,
			oauth.GrantPassword, oauth.GrantRefreshToken, oauth.GrantClientCredentials)),
	} {
		if err != nil && !errors.Is(err, identity.ErrExists) {
			return err
		}
	}
	return nil
}

// openPlatform is the Open Platform account of the sample apps for browsers.
const openPlatform = "simulated"

// browserApp returns the sample app of a kind with which users sign in in a browser. Its AppID depends on that of the
// mini-program, so that a folder of an older version has it too.
func (s seeds) browserApp(kind string) identity.App {
	sum := sha256.Sum256([]byte(kind + s.AppID))
	return identity.App{Platform: identity.PlatformWechat, ID: "wx" + hex.EncodeToString(sum[:8]), Kind: kind,
		Name: "Simulated " + kind, Secret: identity.Secret(s.AppSecret), OpenPlatform: openPlatform}
}

// scanPage is the page of the sample mini-program that a code of a page to sign in opens.
const scanPage = "pages/scan/scan"

// simulated returns the sample apps as the simulator knows them. The codes of an issuer's pages open the mini-program,
// which a page of dev represents. The pages of the apps for browsers lead back to the issuer's host.
func (s seeds) simulated(issuer string) []wechattest.App {
	origin := originOf(issuer)
	apps := []wechattest.App{{AppID: s.AppID, Secret: s.AppSecret, Pages: []string{scanPage},
		LinkRules: []wechattest.LinkRule{{Prefix: issuer + browser.ScannedPath, Page: scanPage, Published: true}},
		LaunchURL: origin.String() + miniprogram.Path, WebViewDomains: []string{origin.Hostname()}}}
	for _, kind := range []string{identity.KindWebsite, identity.KindOfficialAccount} {
		apps = append(apps, wechattest.App{AppID: s.browserApp(kind).ID, Secret: s.AppSecret, Kind: kind,
			OpenPlatform: openPlatform, CallbackHost: origin.Hostname()})
	}
	return apps
}

// newMiniProgram returns the client of the sample mini-program.
func newMiniProgram(s seeds) identity.Client {
	return newClient(s, miniProgram, "", oauth.GrantWechatCode, oauth.GrantRefreshToken, oauth.GrantTokenExchange)
}

func newClient(s seeds, id, secret string, grantNames ...string) identity.Client {
	client := identity.Client{
		ID: id, Name: id, FirstParty: true, Grants: grantNames, Apps: []string{s.AppID},
		Audience: []string{Audience},
		Scopes: []string{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail, oauth.ScopePhone,
			oauth.ScopeAddress, oauth.ScopeOfflineAccess, oauth.ScopeAccount,
			oauth.ScopeSignInApprove, oauth.ScopeSignInHandOff, scope},
		DefaultScopes: []string{scope},
	}
	client.RefreshKeys = secret == "" // the demo's SDK sends them
	if secret != "" {
		client.Confidential, client.SecretHash = true, identity.HashSecret(secret)
	}
	return client
}
