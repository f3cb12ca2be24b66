package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/storage/memory"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// clientAge is how old a client's or app's record may be when a request is judged by it.
const clientAge = time.Second

// withoutRedis is what becomes of requests while it does not answer.
const withoutRedis = "passwords, registrations, phone numbers and what needs a session key are refused"

// openDatabase opens the configured database, or says what to look at.
func openDatabase(ctx context.Context, c config) (*sql.DB, error) {
	database, err := connectDatabase(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened: %w\n%s", c.DatabaseName(), err, databaseAdvice(c.DatabaseFile()))
	}
	return database, nil
}

// connectDatabase opens the configured database. Without master key app secrets stay closed, which most
// commands do not need.
func connectDatabase(ctx context.Context, c config) (*sql.DB, error) {
	var ring *keys.Ring
	if c.MasterKey != "" {
		var err error
		if ring, err = keys.ParseRing(c.MasterKey.Reveal()); err != nil {
			return nil, err
		}
	}
	return sql.Open(ctx, sql.Options{URL: c.DatabaseURL.Reveal(), Connections: c.DatabaseConnections, Ring: ring})
}

// openExisting opens a database that is there, whatever its shape.
func openExisting(ctx context.Context, c config) (*sql.DB, error) {
	path := c.DatabaseFile()
	// opening would make an empty one at what may be the wrong place
	if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no database at %s: check database.url (LINGPAI_DATABASE_URL), or "+
			"make one with: lingpai migrate up", path)
	}
	return openDatabase(ctx, c)
}

// openMigrated opens a database that is there, and has the shape that this version needs.
func openMigrated(ctx context.Context, c config) (*sql.DB, error) {
	database, err := openExisting(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := database.CheckSchema(ctx); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	return database, nil
}

// openHouse wires everything behind one handler, and prunes sessions until the context ends. The database is
// migrated; the caller closes both stores.
func openHouse(ctx context.Context, c config, database *sql.DB, volatile volatileStore,
	logger *slog.Logger) (http.Handler, error) {
	ring, err := keys.ParseRing(c.MasterKey.Reveal())
	if err != nil {
		return nil, err
	}
	keeper, err := keys.Open(ctx, database.Keys(), ring, keys.Options{Now: time.Now, Policy: c.KeyPolicy(),
		Logger: logger})
	if err != nil {
		return nil, err
	}
	platforms, err := openPlatforms(c, logger)
	if err != nil {
		return nil, err
	}
	hasher := password.New(password.Options{}) // one bound for all who have passwords hashed
	watched := newMetrics(database.Apps(), keeper.Backend)
	manager := grants.New(grants.Config{
		Meter:     watched,
		Clients:   memory.CacheClients(database.Clients(), clientAge),
		Apps:      memory.CacheApps(guardedApps{database.Apps(), c}, clientAge),
		Users:     database.Users(),
		Accounts:  database.Accounts(),
		Deletions: database.Deletions(),
		Profiles:  database.Profiles(),
		Sessions:  database.Sessions(),
		Events:    database.Events(),
		Volatile:  volatile,
		Issuer: tokens.New(tokens.Config{
			Issuer: c.Issuer, Keys: keeper, Sessions: database.Sessions(), Users: database.Users(),
			Accounts:  database.Accounts(),
			Profiles:  database.Profiles(),
			AccessTTL: c.AccessTTL, IdleTTL: c.SessionIdle, AbsoluteTTL: c.SessionAbsolute,
			SessionLimit: c.SessionLimit, Now: time.Now,
			MaxAccessTTL: c.AccessTTLBound(),
		}),
		Platforms: platforms.byGrant(),
		AppTokens: wechat.NewAppTokens(wechat.AppTokensConfig{Client: platforms.wechat, Store: volatile, Sealer: ring}),
		Vault: wechat.NewVault(wechat.VaultConfig{
			Store: volatile, NotFound: identity.ErrNotFound, Sealer: ring, KeyLife: c.SessionKeyLife, Logger: logger,
		}),
		Hasher:   hasher,
		Rotation: tokens.RotationPolicy{Window: c.RefreshGrace, RefuseAhead: c.RefuseAhead},
		Attempts: grants.AttemptPolicy{PerAddress: c.AddressAttempts},
		Now:      time.Now,
		Logger:   logger,
	})
	people := accounts.New(accounts.Config{
		Users: database.Users(), Profiles: database.Profiles(), Sessions: database.Sessions(),
		Accounts: database.Accounts(), Deletions: database.Deletions(),
		Events: database.Events(), Volatile: volatile,
		Hasher: hasher, Prover: provider.NewProver(manager), Grace: c.DeletionGrace,
		Registrations: accounts.RegistrationPolicy{PerAddress: c.AddressRegistrations, Together: c.Registrations},
		Now:           time.Now, Logger: logger,
	})
	handler, err := provider.New(provider.Config{
		Issuer: c.Issuer, Manager: manager, Accounts: people, KeySet: keeper.PublicSet, KeySetAge: c.KeySetAge(),
		Ready: readiness(c, database, volatile, keeper), TrustedProxies: c.TrustedProxies, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	if c.MetricsAddr != "" {
		handler = watched.watch(handler)
		if err := watched.serve(ctx, c.MetricsAddr, logger); err != nil {
			return nil, err
		}
	}
	go keeper.Run(ctx)
	go pruneRegularly(ctx, database.Sessions(), database.Deletions(), logger)
	return handler, nil
}

// readiness says whether requests should come here: the database answers and still has the shape that we
// need. A Redis that is gone is told of and does not count: it is gone for all replicas, and most of what
// they do goes on without it. What signs is told of too, and counts when the keys could not be read for so
// long that others may sign with one that is not known here.
func readiness(c config, database *sql.DB, volatile volatileStore,
	keeper keyring) func(context.Context) []provider.ReadyCheck {
	return func(ctx context.Context) []provider.ReadyCheck {
		redis := make(chan error, 1)
		go func() { redis <- volatile.Ping(ctx) }() // beside the database, which may take all the time there is
		checks := []provider.ReadyCheck{{Name: "database", OK: database.CheckSchema(ctx) == nil}, signatures(c, keeper)}
		if err := <-redis; c.RedisURL != "" {
			check := provider.ReadyCheck{Name: "redis", OK: true}
			if err != nil {
				check.Note = "does not answer: until it does, " + withoutRedis + ", and all else goes on"
			}
			checks = append(checks, check)
		}
		if c.Simulates(identity.PlatformWechat) {
			checks = append(checks, provider.ReadyCheck{Name: "wechat", OK: true, Note: "a simulator, not WeChat"})
		}
		if c.Simulates(identity.PlatformQQ) {
			checks = append(checks, provider.ReadyCheck{Name: "qq", OK: true, Note: "a simulator, not QQ"})
		}
		return checks
	}
}

// keyring is a [keys.Keeper].
type keyring interface {
	Backend() string
	Age() time.Duration
}

func signatures(c config, keeper keyring) provider.ReadyCheck {
	check := provider.ReadyCheck{Name: "signatures", OK: true, Note: keeper.Backend()}
	switch age := keeper.Age(); {
	case check.Note == "":
		check.OK, check.Note = false, "the key in use was revoked, and the next one cannot be opened; the "+
			"log and lingpai doctor say why"
	case age > c.KeysStaleAfter():
		check.OK, check.Note = false, fmt.Sprintf(
			"the keys could not be read for %s; the log and lingpai doctor say why", age.Round(time.Second))
	}
	return check
}

// guardedApps keeps real AppSecrets from anything but their platform. What may go to a simulator begins with
// its prefix, which no real one has: those are 32 hexadecimal digits.
type guardedApps struct {
	identity.Apps
	config config
}

// Find implements identity.Apps.
func (a guardedApps) Find(ctx context.Context, platform, id string) (identity.App, error) {
	app, err := a.Apps.Find(ctx, platform, id)
	if secret := app.Secret.Reveal(); err == nil && a.config.Simulates(platform) && secret != "" &&
		!strings.HasPrefix(secret, wechattest.SecretPrefix) {
		return identity.App{}, fmt.Errorf(
			"%w: the AppSecret of %s does not begin with %q, and its platform is not at its base_url: it "+
				"is not sent there",
			identity.ErrUnusable, id, wechattest.SecretPrefix)
	}
	return app, err
}

func newLogger(c config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" {
		return slog.New(provider.LogRequestIDs(slog.NewTextHandler(w, options)))
	}
	return slog.New(provider.LogRequestIDs(slog.NewJSONHandler(w, options)))
}
