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

// AppRefusedError means that a platform refuses an app's AppID, its AppSecret or this machine's address.
type AppRefusedError struct {
	AppID string
	Title string // of the platform
	Cause *wechat.Error
}

// Error implements error.
func (e AppRefusedError) Error() string {
	switch e.Cause.Errcode {
	case 40125:
		return "the AppSecret is wrong (errcode 40125)"
	case 40164:
		return fmt.Sprintf("calls from this machine's address %s are not allowed (errcode 40164)", e.Cause.Address)
	}
	return fmt.Sprintf("%s refuses the app (errcode %d)", e.Title, e.Cause.Errcode)
}

// Unwrap implements errors.Unwrap.
func (e AppRefusedError) Unwrap() error { return e.Cause }

// Remedy is what its operator does about it.
func (e AppRefusedError) Remedy() string {
	switch e.Cause.Errcode {
	case 40013:
		return "there is no such AppID: compare it with the mini-program's console"
	case 40125:
		return "take it from the mini-program's console and give it with: lingpai apps rotate-secret " + e.AppID
	case 40164:
		return fmt.Sprintf("add %s to the IP allow-list (IP白名单) in the mini-program's console", e.Cause.Address)
	}
	return "compare the app's settings in the mini-program's console"
}

// Test asks the platform of an app, as [TryApp] does. UnknownError; RefusedError: the store has no master key that
// opens the AppSecret; otherwise the errors of TryApp.
func (a *Apps) Test(ctx context.Context, actor identity.Actor, id string,
	platformOf func(identity.App) signin.Platform,
) error {
	app, err := a.apps.Find(identity.WithActor(ctx, actor), clients.PlatformOf(id), id)
	if err != nil {
		return unknown(err, "app", id)
	}
	if app.Secret == "" {
		return refused(nil, "the AppSecret is sealed: give master_key (LINGPAI_MASTER_KEY)")
	}
	return TryApp(ctx, platformOf(app), app)
}

// TryApp asks an app's platform whether it accepts the AppID, the AppSecret and this machine's address. It trades a
// code that cannot be one, which a platform refuses as a code only after it has accepted all the rest.
// AppRefusedError; any other [wechat.Error] leaves it open: the platform is busy or cannot be reached.
func TryApp(ctx context.Context, platform signin.Platform, app identity.App) error {
	_, err := platform.Trade(ctx, app, "lingpai-apps-test")
	failed, _ := errors.AsType[*wechat.Error](err)
	switch {
	case err == nil:
		return &wechat.Error{Class: wechat.ErrUnavailable, Reason: "it accepted a code that nobody made"}
	case errors.Is(err, wechat.ErrBadCode):
		return nil
	case failed != nil && errors.Is(err, wechat.ErrMisconfigured):
		return AppRefusedError{app.ID, platform.Title(), failed}
	}
	return err
}
