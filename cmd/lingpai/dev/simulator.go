package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/lingpai/lingpai/cmd/lingpai/simulator"
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
		return base, registerApps(ctx, base, apps)
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

// registerApps adds the sample apps to a simulator.
func registerApps(ctx context.Context, base string, apps []wechattest.App) error {
	for _, app := range apps {
		body, err := json.Marshal(app)
		if err != nil {
			return err
		}
		if _, err := post(ctx, base+"/_sim/apps", "application/json", string(body)); err != nil {
			return err
		}
	}
	return nil
}
