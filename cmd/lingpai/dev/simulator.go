package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/simulator"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// inProcess stands for a simulator in this process, whose port is not known yet.
const inProcess = "http://127.0.0.1:0"

// startSimulator runs a simulator with the sample apps, unless one is configured, and returns its URL. A configured
// simulator gets the sample apps as well.
func startSimulator(ctx context.Context, o Options, apps []wechattest.App) (string, error) {
	if base := o.Settings.WechatBaseURL; base != inProcess {
		if o.SimulatorAddr != "" {
			return "", errors.New("--simulator-addr: wechat.base_url names another simulator; unset one of them")
		}
		return base, registerApps(ctx, base, apps, o.Stderr)
	}
	listener, err := o.listenForSimulator()
	if err != nil {
		return "", err
	}
	simulators := simulator.New()
	for _, app := range apps {
		if err := simulators.AddWechat(app); err != nil {
			return "", err
		}
	}
	go func() { _ = simulators.Serve(ctx, listener) }()
	return "http://" + listener.Addr().String(), nil
}

// listenForSimulator listens on the configured address, or on the one that the last start on this folder used, so that
// commands and programs find the simulator again. If that one is in use, it takes another port.
func (o Options) listenForSimulator() (net.Listener, error) {
	if o.SimulatorAddr != "" {
		return simulator.Listen("--simulator-addr", o.SimulatorAddr)
	}
	path := filepath.Join(o.Data, "simulator.addr")
	if text, err := os.ReadFile(path); err == nil {
		last := strings.TrimSpace(string(text))
		if listener, err := simulator.Listen(path, last); err == nil {
			return listener, nil
		}
		fmt.Fprintf(o.Stderr, "the simulator cannot listen on %q again; it takes another port\n", last)
	}
	listener, err := simulator.Listen(path, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return listener, os.WriteFile(path, []byte(listener.Addr().String()+"\n"), 0o600)
}

// registerApps adds the sample apps to a simulator. An app of another folder may have the rule for our codes there, or
// the simulator may know no rules yet: then a warning says that its phone does not open the mini-program.
func registerApps(ctx context.Context, base string, apps []wechattest.App, warnings io.Writer) error {
	for _, app := range apps {
		err := registerApp(ctx, base, app)
		if err != nil && len(app.LinkRules) > 0 {
			refused := err
			app.LinkRules, app.Pages, app.LaunchURL = nil, nil, ""
			if err = registerApp(ctx, base, app); err == nil {
				fmt.Fprintf(warnings, "the phone of the simulator will not open the mini-program: %v\n", refused)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func registerApp(ctx context.Context, base string, app wechattest.App) error {
	body, err := json.Marshal(app)
	if err == nil {
		_, err = post(ctx, base+"/_sim/apps", "application/json", string(body))
	}
	return err
}

// setPush lets the simulator push messages about an app to the server, which must be serving. Older simulators cannot.
func (o Options) setPush(ctx context.Context, c settings.Settings, database *sql.DB, appID string) {
	if err := setPush(ctx, c, database, appID); err != nil && ctx.Err() == nil {
		fmt.Fprintf(o.Stderr, "the simulator will push no messages about the mini-program: %v\n", err)
	}
}

func setPush(ctx context.Context, c settings.Settings, database *sql.DB, appID string) error {
	apps := admin.NewApps(database.Apps(), database.Clients())
	push, err := admin.NewPushes(apps, database.Apps().Pushes()).Set(ctx, identity.Actor{}, appID, admin.PushChange{})
	if err != nil {
		return err
	}
	body, err := json.Marshal(wechattest.PushSettings{AppID: appID, URL: c.Issuer + provider.WechatPushPath + appID,
		Token: push.Keys.Token.Reveal(), EncodingAESKey: push.Keys.EncodingAESKey.Reveal(), Mode: push.Mode})
	if err == nil {
		_, err = post(ctx, c.WechatBaseURL+"/_sim/push_settings", "application/json", string(body))
	}
	return err
}
