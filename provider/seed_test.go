package provider_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/storage/sql"
)

// seed is a database with the records that the tests need, and the values that take long to compute.
type seed struct {
	database     []byte
	ring         *keys.Ring
	keys         []keys.Record
	passwordHash string
}

var seeded = sync.OnceValues(func() (seed, error) {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "lingpai")
	if err != nil {
		return seed{}, err
	}
	defer os.RemoveAll(folder)
	master, err := keys.NewMasterKey(time.Now())
	if err != nil {
		return seed{}, err
	}
	ring, err := keys.ParseRing(master)
	if err != nil {
		return seed{}, err
	}
	path := filepath.Join(folder, "seed.db")
	database, err := openSQLite(path, ring, time.Now)
	if err != nil {
		return seed{}, err
	}
	if _, err := database.Schema().MigrateUp(ctx); err != nil {
		return seed{}, err
	}
	if _, err := keys.Open(ctx, database.Keys(), ring, keys.Options{Now: time.Now}); err != nil {
		return seed{}, err
	}
	records, err := database.Keys().Keys(ctx)
	if err != nil {
		return seed{}, err
	}
	hash, err := password.New(password.Options{}).Hash(ctx, password.Caller{}, testPassword)
	if err != nil {
		return seed{}, err
	}
	if err := populate(ctx, database, hash); err != nil {
		return seed{}, err
	}
	if err := database.Close(); err != nil { // so that all is in one file, and no journal is left
		return seed{}, err
	}
	content, err := os.ReadFile(path)
	return seed{content, ring, records, hash}, err
})

// populate adds two apps, a client of every kind, and users: alice, a disabled one and one without password.
func populate(ctx context.Context, database *sql.DB, passwordHash string) error {
	for _, app := range []string{testApp, otherApp} {
		err := database.Apps().Add(ctx, identity.App{
			Platform: identity.PlatformWechat, ID: app, Kind: identity.KindMiniProgram,
			Secret:       identity.Secret("simulator-" + app),
			OpenPlatform: testOpenPlatform,
		})
		if err != nil {
			return err
		}
	}
	for _, client := range clients() {
		if err := database.Clients().Create(ctx, client); err != nil {
			return fmt.Errorf("client %s: %w", client.ID, err)
		}
	}
	for _, id := range []string{"disabled", "disabled-backend"} {
		if err := database.Clients().Disable(ctx, id); err != nil {
			return err
		}
	}
	for name, hash := range map[string]string{"alice": passwordHash, "disabled": passwordHash, "without-password": ""} {
		user, err := database.Users().Create(ctx, name, hash)
		if err != nil {
			return fmt.Errorf("user %s: %w", name, err)
		}
		if name == "disabled" {
			if err := database.Users().Disable(ctx, user.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func clients() []identity.Client {
	backend := confidentialClient("backend", oauth.GrantWechatCode, oauth.GrantPassword, oauth.GrantRefreshToken)
	backend.Apps = []string{testApp, otherApp}
	odd := confidentialClient("odd", oauth.GrantWechatCode)
	odd.SecretHash = identity.HashSecret(oddSecret)
	thirdParty := confidentialClient("third-party", oauth.GrantPassword)
	thirdParty.FirstParty = false
	without := confidentialClient("without-secret", oauth.GrantWechatCode)
	without.SecretHash = nil
	web := publicClient("web", oauth.GrantWechatCode, oauth.GrantRefreshToken)
	web.Origins, web.WechatClaims = []string{testOrigin}, true
	closed := publicClient("disabled", oauth.GrantWechatCode, oauth.GrantRefreshToken)
	closed.Origins = []string{"https://disabled.example.com"}
	orders := publicClient("mini-orders", oauth.GrantWechatCode, oauth.GrantRefreshToken)
	orders.Audience = []string{testAudience, "orders-api"}
	service := confidentialClient("service", oauth.GrantClientCredentials, oauth.GrantPassword, oauth.GrantRefreshToken)
	service.Audience, service.AccessTTL, service.DefaultScopes = []string{testAudience, "orders-api"},
		10*time.Minute, []string{"openid", "api"}
	return []identity.Client{
		orders, service, broker("broker", testApp), broker("broker-2", testApp, otherApp), broker("broker-none"),
		confidentialClient("orders-api", oauth.GrantClientCredentials), publicClient("public-service",
			oauth.GrantClientCredentials),
		publicClient("mini", oauth.GrantWechatCode, oauth.GrantRefreshToken),
		publicClient("mini-2", oauth.GrantWechatCode, oauth.GrantRefreshToken),
		publicClient("codes-only", oauth.GrantWechatCode),
		publicClient("refresh-only", oauth.GrantRefreshToken),
		backend, odd, thirdParty, without, web, closed,
		confidentialClient("disabled-backend", oauth.GrantWechatCode),
	}
}

// broker is a client that may have the app tokens of its apps.
func broker(id string, apps ...string) identity.Client {
	client := confidentialClient(id, oauth.GrantClientCredentials, oauth.GrantWechatCode, oauth.GrantPassword,
		oauth.GrantRefreshToken)
	client.Apps, client.Scopes = apps, append(client.Scopes, oauth.ScopeWechatAppToken)
	return client
}

func publicClient(id string, names ...string) identity.Client {
	return identity.Client{
		ID: id, Grants: names, Apps: []string{testApp}, Audience: []string{testAudience},
		Scopes: []string{"openid", "profile", "api", "api.write", "roles", "claims", "email", "phone", "address",
			"account", oauth.ScopeWechatData}, DefaultScopes: []string{"api"},
	}
}

func confidentialClient(id string, names ...string) identity.Client {
	client := publicClient(id, names...)
	client.Confidential, client.FirstParty, client.SecretHash = true, true, identity.HashSecret(testSecret)
	return client
}
