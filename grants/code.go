package grants

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/access/wechatdata"
	"github.com/lingpai/lingpai/idempotency"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat"
)

// codeRequest is a token request with a platform's code.
type codeRequest struct {
	request
	grantType string
	code      signin.Code

	repeat   *idempotency.Request // nil: the request has no Idempotency-Key
	openings []tokens.Opening     // that the session of a repeatable request may have
}

// platformCode returns the grant of one platform. grantType is the name in a client's record, not an alias of it.
func (m *Manager) platformCode(grantType string, platform signin.Platform) grant {
	return func(ctx context.Context, r request) (tokens.Set, error) {
		code := r.Parameters.Get("code")
		if !oauth.ValidCode(code) {
			return tokens.Set{}, oauth.NewError(oauth.InvalidRequest,
				"code is missing or malformed: send the one that "+platform.Title()+" gave, unchanged.")
		}
		if err := wechatdata.CheckExtras(r.Parameters); err != nil {
			return tokens.Set{}, err
		}
		var err error
		if r.Target, err = m.userTarget(r, r.Scope, identity.Session{Scope: r.Scope}); err != nil {
			return tokens.Set{}, err
		}
		appID, err := r.Client.App(r.Parameters.Get("appid"), platform.Owns)
		if err != nil {
			return tokens.Set{}, err
		}
		// Go on if the client disconnects: the code is used up, and a duplicate request needs the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signin.CodeTimeout)
		defer cancel()
		return m.exchangeOnce(ctx, codeRequest{request: r, grantType: grantType,
			code: signin.Code{Platform: platform, AppID: appID, Text: code}})
	}
}

// exchangeOnce exchanges a code. With an Idempotency-Key a duplicate request gets the first answer, since the code
// itself works only once.
func (m *Manager) exchangeOnce(ctx context.Context, r codeRequest) (tokens.Set, error) {
	if r.repeat = m.repeats.Request(r.Key, "sign_in", r.Client.ID, r.code.AppID, r.code.Text); r.repeat != nil {
		r.openings = m.issuer.Openings(r.grantType, r.Client.ID, r.code.Text, r.Key)
	}
	return idempotency.Once(ctx, r.repeat, signin.CodeTimeout,
		func() (tokens.Set, bool, error) { return m.repeated(ctx, r) },
		func() (tokens.Set, error) { return m.exchange(ctx, r) })
}

// exchange signs a user in with a code.
func (m *Manager) exchange(ctx context.Context, r codeRequest) (tokens.Set, error) {
	authorization, notices, err := m.authorize(ctx, r)
	if errors.Is(err, wechat.ErrCodeUsed) { // perhaps by a duplicate request whose lock was lost
		if set, found, err2 := m.repeated(ctx, r); found || err2 != nil {
			return set, err2
		}
	}
	if err != nil {
		return tokens.Set{}, err
	}
	if len(r.openings) > 0 {
		authorization.Opening = &r.openings[0]
	}
	// The store has its own timeout: a slow platform must not leave it too little time to write.
	set, err := m.issue(context.WithoutCancel(ctx), authorization)
	if errors.Is(err, identity.ErrExists) { // a duplicate request on another replica exchanged the same code
		var found bool
		if set, found, err = m.repeated(ctx, r); err == nil && !found { // its session is already gone
			err = errCodeReused
		}
	}
	if err == nil {
		signin.Forget(ctx, r.repeat)
	}
	set.Notices = notices
	return set, err
}

// authorize signs the user in and processes the extras sent with the code. The sign-in succeeds even if the extras are
// rejected.
func (m *Manager) authorize(ctx context.Context, r codeRequest) (tokens.Authorization, map[string]string, error) {
	exchange, err := m.signIn.Exchange(ctx, r.signIn(), r.code, r.repeat)
	if err != nil {
		return tokens.Authorization{}, nil, err
	}
	person, err := m.signIn.Person(ctx, r.signIn(), exchange)
	if err != nil {
		return tokens.Authorization{}, nil, err
	}
	notices := m.enrich(ctx, r, person, exchange.Recalled)
	return tokens.Authorization{
		Client: r.Client.Client, User: person.User, Account: person.Account, UnionID: person.Login.UnionID,
		Scope: r.Scope, Resource: r.Resource, Target: r.Target, Method: r.code.Platform.Name(),
		AuthTime: person.AuthTime, Device: r.Device,
	}, notices, nil
}

// enrich processes the extras of a sign-in, once: a phone number costs money, and its code works only once. recalled
// reports whether an earlier request got as far as the platform's answer, and so perhaps has processed them.
func (m *Manager) enrich(ctx context.Context, r codeRequest, person signin.Person, recalled bool) map[string]string {
	var notices map[string]string
	if recalled && r.repeat.Recall(ctx, keptNotices, &notices) {
		return notices
	}
	notices = m.wechatData.Enrich(ctx, wechatdata.SignIn{
		Client: r.Client, Scope: r.Scope, Parameters: r.Parameters, Person: person, Key: r.Key,
	})
	if notices != nil {
		r.repeat.Keep(ctx, keptNotices, notices, repeatLifetime)
	}
	return notices
}

// keptNotices is the name of the notices that are kept for repeated requests.
const keptNotices = "notices"
