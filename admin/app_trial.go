package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/wechat"
)

// AppRefusedError means that a platform rejects an app's AppID or AppSecret, or this machine's IP address.
type AppRefusedError struct {
	AppID string
	Title string // of the platform
	Cause *wechat.Error
}

// Error implements error.
func (e AppRefusedError) Error() string {
	switch e.Cause.Errcode {
	case 40001, 40125:
		return fmt.Sprintf("the AppSecret is wrong (errcode %d)", e.Cause.Errcode)
	case 40164, 61004:
		return fmt.Sprintf("calls from %s are not allowed (errcode %d)", e.address(), e.Cause.Errcode)
	}
	return fmt.Sprintf("%s rejects %s (errcode %d)", e.Title, e.Cause.Setting(), e.Cause.Errcode)
}

// Unwrap implements errors.Unwrap.
func (e AppRefusedError) Unwrap() error { return e.Cause }

// Remedy tells the operator how to fix it.
func (e AppRefusedError) Remedy() string {
	switch e.Cause.Errcode {
	case 40013:
		return "there is no such AppID: check it in the mini-program's console"
	case 40001, 40125:
		return "copy it from the mini-program's console and set it with: lingpai apps rotate-secret " + e.AppID
	case 61024:
		return "add an app that no third-party platform manages"
	case 40164, 61004:
		return "add " + e.address() + " to the IP allow-list (IP白名单) in the mini-program's console"
	}
	return "check the app's settings in the mini-program's console"
}

// address names this machine's address as WeChat saw it, if WeChat told it.
func (e AppRefusedError) address() string {
	if !e.Cause.Address.IsValid() {
		return "this machine's public address"
	}
	return fmt.Sprintf("this machine's address %s", e.Cause.Address)
}

// Test tests an app of the store with [TryApp]. Besides the errors of TryApp, it returns UnknownError if there is no
// such app, and RefusedError if the store has no master key to decrypt the AppSecret.
func (a *Apps) Test(ctx context.Context, actor identity.Actor, id string,
	platformOf func(identity.App) signin.Platform,
) error {
	app, err := a.apps.Find(identity.WithActor(ctx, actor), clients.PlatformOf(id), id)
	if err != nil {
		return unknown(err, "app", id)
	}
	if app.Secret == "" {
		return refused(nil, "the AppSecret is encrypted: set master_key (LINGPAI_MASTER_KEY)")
	}
	return TryApp(ctx, platformOf(app), app)
}

// TryApp asks an app's platform whether it accepts the AppID, the AppSecret and this machine's IP address. It exchanges
// an invalid code, since a platform rejects the code only after it has accepted everything else. It returns
// AppRefusedError if the platform rejects the app. Any other [wechat.Error] means that the platform is busy or cannot
// be reached.
func TryApp(ctx context.Context, platform signin.Platform, app identity.App) error {
	_, err := platform.Exchange(ctx, app, "lingpai-apps-test")
	failed, _ := errors.AsType[*wechat.Error](err)
	switch {
	case err == nil:
		return &wechat.Error{Class: wechat.ErrUnavailable, Reason: "it accepted an invalid code"}
	case errors.Is(err, wechat.ErrBadCode):
		return nil
	case failed != nil && errors.Is(err, wechat.ErrMisconfigured):
		return AppRefusedError{app.ID, platform.Title(), failed}
	}
	return err
}
