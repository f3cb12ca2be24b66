package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

type devOptions struct {
	addr, data, output string
	fixedAddr          bool // fail rather than take the next free port
}

func newDevCommand() *cobra.Command {
	o := devOptions{}
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine: no WeChat account, database or configuration needed",
		Long: `Run the provider on loopback with an SQLite file, a WeChat simulator, two seeded clients and a user; fetch and verify
a token to show that it works; print a curl line for every grant; and stay up. Started again on the same --data it
keeps keys, clients, users and sessions. It touches only databases that it made itself, and no real AppSecret.

All LINGPAI_… variables of "lingpai serve --help" count here too, within these limits.`,
		Example: "  lingpai dev\n  lingpai dev --addr 127.0.0.1:8080 --data ./data --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.fixedAddr = cmd.Flags().Changed("addr")
			return runDev(cmd.Context(), cmd, o)
		},
	}
	cmd.Flags().StringVar(&o.addr, "addr", "127.0.0.1:8080",
		"loopback host:port to listen on; when not given, the next free port is taken")
	cmd.Flags().StringVar(&o.data, "data", ".lingpai", "folder for the database, the master key and the seeded secrets")
	cmd.Flags().StringVar(&o.output, "output", "text", "text, or json: one line when ready, for scripts")
	return cmd
}

func runDev(ctx context.Context, cmd *cobra.Command, o devOptions) error {
	if o.output != "text" && o.output != "json" {
		return fmt.Errorf("--output: %q is neither text nor json", o.output)
	}
	c, err := devConfig(cmd, o)
	if err != nil {
		return err
	}
	seeds, err := openFolder(o.data, &c)
	if err != nil {
		return err
	}
	logger := server.NewLogger(c, cmd.ErrOrStderr())
	database, err := server.OpenDatabase(ctx, c)
	if err != nil {
		return err
	}
	defer database.Close()
	if err := claimDatabase(ctx, database, seeds); err != nil {
		return err
	}
	if err := seed(ctx, database, seeds); err != nil {
		return err
	}
	listener, err := listenDev(c.Addr, o.fixedAddr)
	if err != nil {
		return err
	}
	_, wanted, _ := net.SplitHostPort(c.Addr)
	if _, got, _ := net.SplitHostPort(listener.Addr().String()); wanted != "0" && got != wanted {
		cmd.PrintErrf("%s is taken, perhaps by another lingpai, so this one has %s\n", c.Addr, listener.Addr())
	}
	if c.Issuer == "" {
		c.Issuer = "http://" + listener.Addr().String()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if c.WechatBaseURL, err = startSimulator(ctx, c, seeds, cmd); err != nil {
		return err
	}
	if c.QQBaseURL == inProcess {
		c.QQBaseURL = c.WechatBaseURL + qqPath
	}
	volatile, err := server.OpenVolatile(c)
	if err != nil {
		return err
	}
	defer volatile.Close()
	process, err := server.New(ctx, server.Config{Settings: c, Stores: server.StoresOf(database), Volatile: volatile,
		Logger: logger})
	if err != nil {
		return err
	}
	defer process.Close()
	if err := process.Start(ctx); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() {
		served <- server.ServeUntilDone(ctx, provider.NewHTTPServer(process.Handler(), logger), listener)
	}()
	demo, err := tryOut(ctx, c, seeds)
	if ctx.Err() != nil { // stopped before it was ready
		return <-served
	}
	if err != nil {
		stop()
		return errors.Join(fmt.Errorf("the provider is up but its first token failed: %w", err), <-served)
	}
	if err := printDev(cmd.OutOrStdout(), o.output, c, seeds, demo); err != nil {
		return err
	}
	return <-served
}

// devConfig is the usual configuration within the limits of dev.
func devConfig(cmd *cobra.Command, o devOptions) (config, error) {
	return loadConfig(cmd, terms{
		Defaults: map[string]string{
			"server.addr":     o.addr,
			"database.url":    "sqlite:" + filepath.ToSlash(filepath.Join(o.data, "lingpai.db")),
			"wechat.base_url": inProcess,
			"qq.base_url":     inProcess,
			"log.level":       "warn",
			"log.format":      "text",
		},
		Flags: map[string]string{"server.addr": "addr"},
		Demands: []settings.Demand{
			{Key: "server.addr", Check: func(c config) error {
				if host, _, _ := net.SplitHostPort(c.Addr); !settings.IsLoopback(host) {
					return fmt.Errorf("lingpai dev listens on loopback only, not on %q, since its secrets "+
						"are for this machine; use lingpai serve", c.Addr)
				}
				return nil
			}},
			{Key: "server.issuer", Check: func(c config) error {
				if issuer, err := url.Parse(c.Issuer); c.Issuer != "" &&
					(err != nil || !settings.IsLoopback(issuer.Hostname())) {
					return fmt.Errorf("lingpai dev is for this machine only, and %q is not on loopback", c.Issuer)
				}
				return nil
			}},
			{Key: "keys.retire", Check: settings.CheckKeyLifetime},
			{Key: "keys.interval", Check: settings.CheckKeyInterval},
			{Key: "qq.base_url", Check: func(c config) error {
				if !c.Simulates(identity.PlatformQQ) {
					return errors.New("lingpai dev does not talk to QQ, only to a simulator on loopback")
				}
				return nil
			}},
			{Key: "wechat.base_url", Check: func(c config) error {
				if !c.Simulates(identity.PlatformWechat) {
					return errors.New("lingpai dev does not talk to WeChat, only to a simulator on loopback")
				}
				return nil
			}},
		},
	})
}

// listenDev takes the next free port unless the address was asked for.
func listenDev(addr string, fixed bool) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return listener, nil
	case fixed:
		return nil, fmt.Errorf("--addr: %w; without --addr the next free port is taken", err)
	}
	host, text, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(text)
	for next := port + 1; next < port+100; next++ {
		if listener, err2 := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(next))); err2 == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("server.addr: %w, and so are the ports after it", err)
}
