package server

import (
	"context"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// readiness returns the readiness checks: the database answers, has the required schema and can be written. A Redis
// that does not answer is only noted: it is down for all replicas, and most requests work without it. The signing
// backend is noted too; the check fails if the keys could not be read for so long that other servers may sign with one
// that is unknown here.
func readiness(s settings.Settings, checkDatabase func(context.Context) error, volatile identity.Volatile,
	signer backend) func(context.Context) []provider.ReadyCheck {
	return func(ctx context.Context) []provider.ReadyCheck {
		redis := make(chan error, 1)
		go func() { redis <- ping(ctx, volatile) }() // concurrently, since the database may take all the time
		failure := checkDatabase(ctx)
		found, _ := sql.Explain(failure)
		checks := []provider.ReadyCheck{{Name: "database", OK: failure == nil, Note: found}, signatures(s, signer)}
		if err := <-redis; s.RedisURL != "" {
			check := provider.ReadyCheck{Name: "redis", OK: true}
			if err != nil {
				check.Note = "does not answer: until it does, " + withoutRedis + ", and everything else works"
			}
			checks = append(checks, check)
		}
		if s.IsSimulated(identity.PlatformWechat) {
			checks = append(checks, provider.ReadyCheck{Name: "wechat", OK: true, Note: "a simulator, not WeChat"})
		}
		if s.IsSimulated(identity.PlatformQQ) {
			checks = append(checks, provider.ReadyCheck{Name: "qq", OK: true, Note: "a simulator, not QQ"})
		}
		return checks
	}
}

// ping pings a volatile store. One without Ping is always available.
func ping(ctx context.Context, volatile identity.Volatile) error {
	if remote, ok := volatile.(Volatile); ok {
		return remote.Ping(ctx)
	}
	return nil
}

// backend is the source of the signing keys. One that reads a database also has Age, like a [keys.Keeper].
type backend interface{ Backend() string }

func signatures(s settings.Settings, signer backend) provider.ReadyCheck {
	check := provider.ReadyCheck{Name: "signatures", OK: true, Note: signer.Backend()}
	var age time.Duration
	if aging, ok := signer.(interface{ Age() time.Duration }); ok {
		age = aging.Age()
	}
	switch {
	case check.Note == "":
		check.OK, check.Note = false, "the key in use was revoked, and the next one cannot be opened; the "+
			"log and lingpai doctor say why"
	case age > s.KeysStaleAfter():
		check.OK, check.Note = false, fmt.Sprintf(
			"the keys could not be read for %s; the log and lingpai doctor say why", age.Round(time.Second))
	}
	return check
}
