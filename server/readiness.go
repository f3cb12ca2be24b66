package server

import (
	"context"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server/settings"
)

// readiness reports whether requests should come here: the database answers and still has the shape that we
// need. A Redis that is gone is noted and does not count: it is gone for all replicas, and most of what
// they do goes on without it. What signs is noted too, and counts when the keys could not be read for so
// long that others may sign with one that is not known here.
func readiness(s settings.Settings, checkSchema func(context.Context) error, volatile identity.Volatile,
	signer backend) func(context.Context) []provider.ReadyCheck {
	return func(ctx context.Context) []provider.ReadyCheck {
		redis := make(chan error, 1)
		go func() { redis <- ping(ctx, volatile) }() // beside the database, which may take all the time there is
		checks := []provider.ReadyCheck{{Name: "database", OK: checkSchema(ctx) == nil}, signatures(s, signer)}
		if err := <-redis; s.RedisURL != "" {
			check := provider.ReadyCheck{Name: "redis", OK: true}
			if err != nil {
				check.Note = "does not answer: until it does, " + withoutRedis + ", and all else goes on"
			}
			checks = append(checks, check)
		}
		if s.Simulates(identity.PlatformWechat) {
			checks = append(checks, provider.ReadyCheck{Name: "wechat", OK: true, Note: "a simulator, not WeChat"})
		}
		if s.Simulates(identity.PlatformQQ) {
			checks = append(checks, provider.ReadyCheck{Name: "qq", OK: true, Note: "a simulator, not QQ"})
		}
		return checks
	}
}

// ping asks a volatile store whether it is there; one that cannot be asked is.
func ping(ctx context.Context, volatile identity.Volatile) error {
	if elsewhere, ok := volatile.(Volatile); ok {
		return elsewhere.Ping(ctx)
	}
	return nil
}

// backend is what signs. One that follows a database has an Age too, as a [keys.Keeper] has.
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
