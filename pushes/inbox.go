package pushes

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// batch is how many notices are applied at the same time. Sign-ins need connections to the database, too.
const batch = 4

// maxAhead is how far CreateTime may be in the future, since clocks differ.
const maxAhead = 10 * time.Minute

// MaxAge is how old a message may be. WeChat repeats one for minutes; what is older than the ids that are kept may have
// been applied before, and is refused.
const MaxAge = 90 * 24 * time.Hour

// content is what is stored of a message.
type content struct {
	AppID      string         `json:"appid"`
	OpenID     string         `json:"openid"`
	Event      string         `json:"event"`
	RevokeInfo string         `json:"revoke_info"`
	At         int64          `json:"at"`    // Unix time in seconds: CreateTime, or when it came if that was earlier
	Actor      identity.Actor `json:"actor"` // where it came from
}

// store stores an event, if it is one that withdraws permissions.
func (s *Service) store(ctx context.Context, appID string, message wechat.Push) error {
	if _, _, ok := withdrawalOf(message.Event, message.RevokeInfo); !ok {
		return nil
	}
	now := s.config.Now()
	seconds, err := strconv.ParseInt(message.CreateTime, 10, 64)
	if err != nil || seconds < now.Add(-MaxAge).Unix() || seconds > now.Add(maxAhead).Unix() {
		return s.refuse(ctx, appID)
	}
	c := content{AppID: appID, OpenID: message.OpenID, Event: message.Event, RevokeInfo: message.RevokeInfo,
		At: min(seconds, now.Unix()), Actor: identity.ActorFrom(ctx)}
	c.Actor.Name = "WeChat"
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	notice := identity.WithdrawalNotice{ID: idOf(appID, message), Content: text}
	if err := s.config.Notices.Add(ctx, notice); err != nil {
		return oauth.StoreFailed(err)
	}
	s.wakeUp()
	return nil
}

// idOf returns what a message has in common with its repetitions. Other versions of the server return the same.
func idOf(appID string, message wechat.Push) [sha256.Size]byte {
	text, _ := json.Marshal([]string{identity.PlatformWechat, appID, message.OpenID, message.Event, message.CreateTime,
		message.RevokeInfo}) // of strings, it never fails
	return sha256.Sum256(text)
}

// Wake receives a value when ApplyDue has something to do, since this process has received a push.
func (s *Service) Wake() <-chan struct{} { return s.wake }

func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // ApplyDue is yet to be called for something else
	}
}

// ApplyDue applies the notices that are due, and stores which apps have pushed something. It returns the first error;
// a notice that failed is due again later.
func (s *Service) ApplyDue(ctx context.Context) error {
	s.storeArrivals(ctx)
	var failure error
	for ctx.Err() == nil {
		notices, err := s.config.Notices.Claim(ctx, batch)
		if err != nil {
			return cmp.Or(failure, err)
		}
		failure = cmp.Or(failure, s.applyAll(ctx, notices))
		if len(notices) < batch {
			return failure
		}
	}
	return ctx.Err()
}

// applyAll applies notices at the same time, so that one that takes long delays no others, and deletes those that it
// has applied.
func (s *Service) applyAll(ctx context.Context, notices []identity.WithdrawalNotice) error {
	failures := make([]error, len(notices))
	var applying sync.WaitGroup
	for n, notice := range notices {
		applying.Go(func() { failures[n] = s.apply(ctx, notice) })
	}
	applying.Wait()
	var applied [][sha256.Size]byte
	for n, notice := range notices {
		if failures[n] == nil {
			applied = append(applied, notice.ID)
		}
	}
	// also if the server is stopping
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	return cmp.Or(cmp.Or(failures...), s.config.Notices.Delete(ctx, applied...))
}

// apply does what a notice requires, or nothing if that was done before.
func (s *Service) apply(ctx context.Context, notice identity.WithdrawalNotice) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var c content
	if err := json.Unmarshal(notice.Content, &c); err != nil {
		return fmt.Errorf("a stored notice of WeChat cannot be read: %w", err)
	}
	withdrawal, forget, ok := withdrawalOf(c.Event, c.RevokeInfo)
	if !ok {
		return fmt.Errorf("only a newer server can apply the event %q of WeChat", c.Event)
	}
	withdrawal.At = time.Unix(c.At, 0)
	withdrawal.Account = identity.AccountKey{Platform: identity.PlatformWechat, App: c.AppID, Subject: c.OpenID}
	withdrawal.Grace = s.config.Grace
	// with an actor, the audit log has one entry for each notice, however many there are
	_, err := s.config.Withdrawals.Apply(identity.WithActor(ctx, c.Actor), notice.ID, withdrawal)
	if err != nil || !forget {
		return err
	}
	// after the transaction, which a volatile store that is gone must not delay, and also if the notice is repeated
	account := wechat.Account{AppID: c.AppID, OpenID: c.OpenID}
	return s.config.Vault.Forget(ctx, account, withdrawal.At.Add(time.Second))
}
