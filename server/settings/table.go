package settings

import (
	"slices"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// table returns all settings, in the order of the documentation.
func table() []setting {
	return slices.Concat(serverSettings(), storageSettings(), platformSettings(), accountSettings(),
		tokenSettings(), sessionSettings(), browserSettings(), pageSettings(), observationSettings())
}

func serverSettings() []setting {
	return []setting{
		{key: "server.addr", fallback: "127.0.0.1:8080",
			usage: "host:port to listen on, port 0 to 65535 (0: any free port)", parse: parseAddr},
		{key: "server.issuer", usage: "public URL of this provider, such as https://login.example.com: " +
			"https, or http on loopback; no trailing slash, query or fragment", parse: parseIssuer},
		{key: "server.trusted_proxies", usage: "addresses or CIDR ranges, separated by commas, whose " +
			"X-Forwarded-For is trusted", parse: parseProxies},
		{key: "server.connections", fallback: "2048",
			usage: "maximum number of open connections, 64 to 1000000; it also limits the request bodies in memory, " +
				"to 8 KiB per connection",
			parse: integer(func(c *Settings) *int { return &c.Connections }, 64, 1000000)},
		{key: "server.shutdown_delay", fallback: "5s",
			usage: "how long the server goes on after a signal to stop, with /readyz answering 503, so that load " +
				"balancers send no more requests, 0s to 5m",
			parse: duration(func(c *Settings) *time.Duration { return &c.ShutdownDelay }, 0, 5*time.Minute)},
		{key: "server.allow_insecure_http", fallback: "false",
			usage: "true lets the issuer be http on a private address, for phones on the same network " +
				"during development", parse: boolean(func(c *Settings) *bool { return &c.AllowInsecureHTTP })},
	}
}

func storageSettings() []setting {
	return []setting{
		{key: "database.url", fallback: "sqlite:lingpai.db",
			usage: "sqlite:PATH, or postgres://user:password@host:5432/name?sslmode=verify-full", secret: true,
			parse: parseDatabaseURL},
		{key: "database.connections", fallback: "10",
			usage: "maximum number of PostgreSQL connections of each process, 2 to 1000",
			parse: integer(func(c *Settings) *int { return &c.DatabaseConnections }, 2, 1000)},
		{key: "redis.url", usage: "redis://user:password@host:6379/0 or rediss://…, for several replicas; " +
			"empty: a single process keeps volatile state in memory", secret: true, parse: parseRedisURL},
		{key: "redis.key_prefix", fallback: "lingpai:",
			usage: "prefix of every key in Redis: 1 to 64 letters, digits and .:_-", parse: parseKeyPrefix},
		{key: "master_key", usage: "id:base64 of 32 bytes; several are separated by commas, and the first one " +
			"encrypts; generate one with: lingpai keys new-master-key", secret: true, parse: parseMasterKey},
	}
}

func platformSettings() []setting {
	return []setting{
		{key: "wechat.base_url", fallback: wechat.DefaultBaseURL, usage: "WeChat's API, or a simulator on loopback",
			parse: platformURL(func(c *Settings) *string { return &c.WechatBaseURL }, wechat.IsWechatHost)},
		{key: "wechat.timeout", fallback: "3s", usage: "how long a call to WeChat may take, 100ms to 10s",
			parse: duration(func(c *Settings) *time.Duration { return &c.WechatTimeout }, 100*time.Millisecond,
				10*time.Second)},
		{key: "wechat.session_key_life", fallback: "72h",
			usage: "how long an encrypted session key is kept after the sign-in, 1m to 720h",
			parse: duration(func(c *Settings) *time.Duration { return &c.SessionKeyLifetime }, time.Minute,
				720*time.Hour)},
		{key: "qq.base_url", fallback: qq.DefaultBaseURL, usage: "QQ's API, or a simulator on loopback",
			parse: platformURL(func(c *Settings) *string { return &c.QQBaseURL }, qq.IsHost)},
	}
}

func accountSettings() []setting {
	return []setting{
		{key: "account.deletion_grace", fallback: "336h",
			usage: "how long users who deleted their account can restore it, 1m to 2160h",
			parse: duration(func(c *Settings) *time.Duration { return &c.DeletionGrace }, time.Minute, 2160*time.Hour)},
		{key: "account.address_registrations", fallback: "10",
			usage: "maximum number of registrations from one address in an hour, 1 to 1000000",
			parse: integer(func(c *Settings) *int { return &c.AddressRegistrations }, 1, 1000000)},
		{key: "account.registrations", fallback: "1000",
			usage: "maximum number of registrations in an hour, 1 to 1000000",
			parse: integer(func(c *Settings) *int { return &c.Registrations }, 1, 1000000)},
	}
}

func tokenSettings() []setting {
	return []setting{
		{key: "token.access_ttl", fallback: "1h",
			usage: "lifetime of access tokens, 1s to 24h, unless the client has its own",
			parse: duration(func(c *Settings) *time.Duration { return &c.AccessTTL }, time.Second,
				clients.MaxAccessTTL)},
		{key: "token.acr", usage: "acr of tokens by how the user signed in, separated by commas, such as " +
			"pwd=urn:example:password,wechat=urn:example:wechat: pwd, wechat or qq, each once, and 1 to 255 ASCII " +
			"characters without spaces and commas; empty: tokens have no acr", parse: parseContextClasses},
		{key: "keys.interval", fallback: "720h",
			usage: "how long a signing key is used, 0s (until lingpai keys rotate) to 8760h",
			parse: duration(func(c *Settings) *time.Duration { return &c.KeyInterval }, 0, 8760*time.Hour)},
		{key: "keys.announce", fallback: "24h",
			usage: "how long a signing key is published before it is used, 5s to 720h",
			parse: duration(func(c *Settings) *time.Duration { return &c.KeyAnnounce }, 5*time.Second, 720*time.Hour)},
		{key: "keys.retire", fallback: "25h",
			usage: "how long a signing key is still published after it is replaced, 1s to 8760h, at least 5s more " +
				"than token.access_ttl; it also limits the lifetime of every client's access tokens",
			parse: duration(func(c *Settings) *time.Duration { return &c.KeyRetire }, time.Second, 8760*time.Hour)},
	}
}

func sessionSettings() []setting {
	return []setting{
		{key: "session.refresh_grace", fallback: "30s",
			usage: "how long a used refresh token still returns the same new one, 0s (never) to 10m",
			parse: duration(func(c *Settings) *time.Duration { return &c.RefreshGrace }, 0, 10*time.Minute)},
		{key: "session.ahead", fallback: "accept",
			usage: "accept or refuse refresh tokens newer than the database, as after a failover that lost commits",
			parse: parseAhead},
		{key: "session.idle", fallback: "168h",
			usage: "a session that is not refreshed for this long ends, 1s to 8760h",
			parse: duration(func(c *Settings) *time.Duration { return &c.SessionIdle }, time.Second,
				clients.MaxIdleTTL)},
		{key: "session.absolute", fallback: "2160h", usage: "every session ends after this long, 1s to 87600h",
			parse: duration(func(c *Settings) *time.Duration { return &c.SessionAbsolute }, time.Second,
				clients.MaxAbsoluteTTL)},
		{key: "session.limit", fallback: "20",
			usage: "maximum number of active sessions of a user at a client, 0 (no limit) to 10000; " +
				"the least recently used ones end",
			parse: integer(func(c *Settings) *int { return &c.SessionLimit }, 0, 10000)},
		{key: "password.address_attempts", fallback: "300",
			usage: "maximum number of password attempts from one address in ten minutes, 0 (no limit) to 1000000",
			parse: integer(func(c *Settings) *int { return &c.AddressAttempts }, 0, 1000000)},
		{key: "limits.overrides", usage: "other limits than the defaults, separated by commas, such as " +
			"sign_ins=100/1h,phone_numbers=5/24h: a name, up to 1000000 uses (0: no limit) and a period up to 720h",
			parse: parseLimits},
	}
}

func observationSettings() []setting {
	return []setting{
		{key: "audit.retention", fallback: "4320h",
			usage: "how long events of the audit log are kept, 1h to 87600h, or 0s (for ever); less than 4320h " +
				"(180 days) is warned of", parse: parseRetention},
		{key: "metrics.addr", usage: "host:port where GET /metrics serves Prometheus metrics, such as " +
			"127.0.0.1:9090; empty: no metrics", parse: parseMetricsAddr},
		{key: "log.level", fallback: "info", usage: "debug, info, warn or error", parse: parseLogLevel},
		{key: "log.format", fallback: "json", usage: "json or text",
			parse: oneOf(func(c *Settings) *string { return &c.LogFormat }, "json", "text")},
	}
}
