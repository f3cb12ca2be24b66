package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// inProcess stands for a simulator of our own, whose port is not known yet.
const inProcess = "http://127.0.0.1:0"

// startSimulator runs a simulator that knows the seeded app, unless another one is configured, and returns its URL.
func startSimulator(ctx context.Context, c config, seeds seeds, cmd *cobra.Command) (string, error) {
	if c.WechatBaseURL != inProcess {
		return c.WechatBaseURL, registerApp(ctx, c.WechatBaseURL, seeds)
	}
	listener, err := listenLoopback("127.0.0.1:0")
	if err != nil {
		return "", err
	}
	simulators := newSimulators()
	if err := simulators.add([]string{seeds.AppID + ":" + seeds.AppSecret}); err != nil {
		return "", err
	}
	go func() { _ = serveSimulators(ctx, cmd, simulators, listener) }()
	return "http://" + listener.Addr().String(), nil
}

// registerApp tells a simulator that is not ours of the seeded app.
func registerApp(ctx context.Context, simulator string, s seeds) error {
	_, err := post(ctx, simulator+"/_sim/apps", "application/json", fmt.Sprintf(`{"appid":%q,"secret":%q}`,
		s.AppID, s.AppSecret))
	return err
}
