package signin

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
)

// MiniProgramLinks makes links that open a page of a mini-program in a browser outside of WeChat.
type MiniProgramLinks struct {
	Apps    identity.Apps
	Tokens  *wechat.AppTokens
	AppID   string
	Page    string // as in wechat.Link; the next one, too
	Version string
	Now     func() time.Time
}

// Scheme returns a URL Scheme whose page gets a query, and that is good until a time, or for somewhat longer if WeChat
// allows no such short life. It returns the errors of [FindApp] and [wechat.AppTokens.URLScheme].
func (m MiniProgramLinks) Scheme(ctx context.Context, query string, until time.Time) (string, error) {
	return m.make(ctx, query, until, m.Tokens.URLScheme)
}

// Link is like Scheme, and returns a URL Link.
func (m MiniProgramLinks) Link(ctx context.Context, query string, until time.Time) (string, error) {
	return m.make(ctx, query, until, m.Tokens.URLLink)
}

func (m MiniProgramLinks) make(ctx context.Context, query string, until time.Time, ask func(context.Context,
	wechat.Credentials, wechat.Link) (string, error)) (string, error) {
	app, err := FindApp(ctx, m.Apps, identity.PlatformWechat, m.AppID)
	if err != nil {
		return "", err
	}
	if earliest := m.Now().Add(wechat.MinLinkLife + time.Second); until.Before(earliest) {
		until = earliest
	}
	return ask(ctx, Credentials(app), wechat.Link{Page: m.Page, Query: query, Version: m.Version, Expires: until})
}
