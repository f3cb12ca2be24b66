package signin

import (
	"context"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
)

// MiniProgramCodes makes codes that open a page of a mini-program when they are scanned with WeChat.
type MiniProgramCodes struct {
	Apps    identity.Apps
	Tokens  *wechat.AppTokens
	AppID   string
	Page    string // as in wechat.MiniProgramCode; the next two, too
	Version string
	// Unpublished lets the page be one that is not in the published version.
	Unpublished bool
}

// Picture returns the picture of a code whose page gets a scene. It returns the errors of [FindApp] and
// [wechat.AppTokens.MiniProgramCode].
func (m MiniProgramCodes) Picture(ctx context.Context, scene string) (wechat.Picture, error) {
	app, err := FindApp(ctx, m.Apps, identity.PlatformWechat, m.AppID)
	if err != nil {
		return wechat.Picture{}, err
	}
	return m.Tokens.MiniProgramCode(ctx, Credentials(app), wechat.MiniProgramCode{Scene: scene, Page: m.Page,
		Version: m.Version, Unpublished: m.Unpublished})
}
