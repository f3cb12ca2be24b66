package signin

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/idempotency"
	"github.com/lingpai/lingpai/wechat"
)

// codeLifetime is how long a platform's code is valid. An exchange that is kept for longer than its code helps nobody.
const codeLifetime = 5 * time.Minute

// exchangeKept is the name of the exchange that is kept for repeated requests.
const exchangeKept = "exchange"

// keptExchange is the stored form of an Exchange. It has no Profile: the user's token at the platform is not stored, so
// a repeated sign-in does not fetch the profile.
type keptExchange struct {
	Subject    string    `json:"subject"`
	UnionID    string    `json:"unionid"`
	SessionKey []byte    `json:"session_key"` // sealed; empty if there is none
	At         time.Time `json:"at"`
}

// keep keeps the exchange of a repeatable sign-in.
func (s *Service) keep(ctx context.Context, repeat *idempotency.Request, exchange Exchange) {
	if repeat == nil {
		return
	}
	kept := keptExchange{Subject: exchange.Login.Subject, UnionID: exchange.Login.UnionID, At: exchange.At}
	if key := exchange.Login.SessionKey; !key.Zero() {
		var err error
		if kept.SessionKey, err = key.Seal(s.sealer, repeat.Name()); err != nil {
			s.logger.WarnContext(ctx, "cannot keep a session key for a repeated sign-in", "error", err)
		}
	}
	repeat.Keep(ctx, exchangeKept, kept, codeLifetime)
}

// recall completes the exchange of a repeatable sign-in that failed after the platform had answered, and reports
// whether there is one.
func (s *Service) recall(ctx context.Context, repeat *idempotency.Request, exchange *Exchange) bool {
	var kept keptExchange
	if !repeat.Recall(ctx, exchangeKept, &kept) {
		return false
	}
	exchange.Login, exchange.At, exchange.Recalled = Login{Subject: kept.Subject, UnionID: kept.UnionID}, kept.At, true
	if len(kept.SessionKey) > 0 {
		var err error
		exchange.Login.SessionKey, err = wechat.OpenSessionKey(s.sealer, repeat.Name(), kept.SessionKey)
		if err != nil {
			s.logger.WarnContext(ctx, "cannot recall the session key of a repeated sign-in", "error", err)
		}
	}
	return true
}

// Forget deletes the exchange of a repeatable sign-in that has succeeded.
func Forget(ctx context.Context, repeat *idempotency.Request) { repeat.Forget(ctx, exchangeKept) }
