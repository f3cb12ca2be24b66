package pushes

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// batch is how many notices are claimed at once.
const batch = 64

// maxAhead is how far CreateTime may be in the future, since clocks differ.
const maxAhead = 10 * time.Minute

// content is what is stored of a message: what it has in common with its repetitions.
type content struct {
	AppID      string `json:"appid"`
	OpenID     string `json:"openid"`
	Event      string `json:"event"`
	CreateTime int64  `json:"create_time"` // in seconds
	RevokeInfo string `json:"revoke_info"`
}

// store stores an event, if it is one that withdraws permissions.
func (s *Service) store(ctx context.Context, appID string, message wechat.Push) error {
	if _, _, ok := withdrawalOf(message.Event, message.RevokeInfo); !ok {
		return nil
	}
	seconds, err := strconv.ParseInt(message.CreateTime, 10, 64)
	if err != nil || seconds <= 0 || seconds > s.config.Now().Add(maxAhead).Unix() {
		return s.refuse(ctx, appID)
	}
	text, err := json.Marshal(content{appID, message.OpenID, message.Event, seconds, message.RevokeInfo})
	if err != nil {
		return err
	}
	if err := s.config.Notices.Add(ctx, identity.WithdrawalNotice{ID: sha256.Sum256(text), Content: text}); err != nil {
		return oauth.StoreFailed(err)
	}
	select {
	case s.stored <- struct{}{}:
	default: // ApplyDue is yet to be called for another one
	}
	return nil
}

// Stored receives a value when there is something for ApplyDue that this process has stored.
func (s *Service) Stored() <-chan struct{} { return s.stored }

// ApplyDue applies the notices that are due. It returns the first error; what failed is tried again later.
func (s *Service) ApplyDue(ctx context.Context) error {
	for ctx.Err() == nil {
		notices, err := s.config.Notices.Claim(ctx, batch)
		if err != nil {
			return err
		}
		var applied [][sha256.Size]byte
		var failure error
		for _, notice := range notices {
			if err := s.apply(ctx, notice); err != nil {
				failure = cmp.Or(failure, err)
				continue
			}
			applied = append(applied, notice.ID)
		}
		err = s.config.Notices.Delete(ctx, applied...)
		if err := errors.Join(failure, err); err != nil || len(notices) < batch {
			return err
		}
	}
	return ctx.Err()
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
	withdrawal.At = time.Unix(c.CreateTime, 0)
	withdrawal.Account = identity.AccountKey{Platform: identity.PlatformWechat, App: c.AppID, Subject: c.OpenID}
	withdrawal.Grace = s.config.Grace
	// with an actor, the audit log has one entry for each notice, however many there are
	ctx = identity.WithActor(ctx, identity.Actor{Name: "WeChat"})
	if _, err := s.config.Withdrawals.Apply(ctx, notice.ID, withdrawal); err != nil || !forget {
		return err
	}
	// after the transaction, which a volatile store that is gone must not delay, and also if the notice is repeated
	account := wechat.Account{AppID: c.AppID, OpenID: c.OpenID}
	return s.config.Vault.Forget(ctx, account, withdrawal.At.Add(time.Second))
}
