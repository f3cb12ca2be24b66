package grants

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/access/wechatdata"
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
}

// platformCode returns the grant of one platform. grantType is the name in a client's record, not an alias of it.
func (m *Manager) platformCode(grantType string, platform signin.Platform) grant {
	return func(ctx context.Context, r request) (tokens.Set, error) {
		code := r.Parameters.Get("code")
		if !oauth.ValidCode(code) {
			return tokens.Set{}, oauth.NewError(oauth.InvalidRequest,
				"code is missing or malformed. "+platform.NewCodeHint())
		}
		if err := wechatdata.CheckExtras(r.Parameters); err != nil {
			return tokens.Set{}, err
		}
		appID, err := r.Client.App(r.Parameters.Get("appid"), platform.Owns)
		if err != nil {
			return tokens.Set{}, err
		}
		// Go on if the client disconnects: the code is used up, and a duplicate request needs the answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), signin.CodeTimeout)
		defer cancel()
		return m.exchangeOnce(ctx, codeRequest{r, grantType, signin.Code{Platform: platform, AppID: appID, Text: code}})
	}
}

// exchangeOnce exchanges a code. With an Idempotency-Key a duplicate request gets the first answer, since the code
// itself works only once.
func (m *Manager) exchangeOnce(ctx context.Context, r codeRequest) (tokens.Set, error) {
	openings := m.openings(r)
	if len(openings) > 0 {
		first, err := m.awaitDuplicate(ctx, r, openings)
		if first.answered || err != nil {
			return first.set, err
		}
		defer first.release()
	}
	authorization, notices, err := m.authorize(ctx, r)
	if errors.Is(err, wechat.ErrCodeUsed) { // perhaps by a duplicate request whose lock was lost
		if set, found, err2 := m.repeat(ctx, r, openings); found || err2 != nil {
			return set, err2
		}
	}
	if err != nil {
		return tokens.Set{}, err
	}
	if len(openings) > 0 {
		authorization.Opening = &openings[0]
	}
	// The store has its own timeout: a slow platform must not leave it too little time to write.
	set, err := m.issue(context.WithoutCancel(ctx), authorization)
	if errors.Is(err, identity.ErrExists) { // a duplicate request on another replica exchanged the same code
		var found bool
		if set, found, err = m.repeat(ctx, r, openings); err == nil && !found { // its session is already gone
			err = errCodeReused
		}
	}
	set.Notices = notices
	return set, err
}

// authorize signs the user in and processes the extras sent with the code. The sign-in succeeds even if the extras are
// rejected.
func (m *Manager) authorize(ctx context.Context, r codeRequest) (tokens.Authorization, map[string]string, error) {
	person, err := m.signIn.Code(ctx, r.signIn(), r.code)
	if err != nil {
		return tokens.Authorization{}, nil, err
	}
	notices := m.wechatData.Enrich(ctx, wechatdata.SignIn{
		Client: r.Client, Scope: r.Scope, Parameters: r.Parameters, Person: person,
	})
	return tokens.Authorization{
		Client: r.Client.Client, User: person.User, Account: person.Account, UnionID: person.Login.UnionID,
		Scope: r.Scope, Method: r.code.Platform.Name(), AuthTime: person.AuthTime, Device: r.Device,
	}, notices, nil
}
