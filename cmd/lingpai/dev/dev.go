// Package dev runs a development server: a provider with an SQLite database, a simulator, and sample clients and users.
// It uses only databases that it created itself, and no real AppSecrets.
package dev

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/lingpai/lingpai/cmd/lingpai/simulator"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

// Options configure a development server.
type Options struct {
	Settings settings.Settings // within the limits of [LoadOptions]
	Data     string            // folder for the database, the master key and the generated secrets
	Fixed    bool              // fail rather than take the next free port
	JSON     bool              // print one line when ready, for scripts

	SimulatorAddr string // "": that of the last start on this folder

	Stdout, Stderr io.Writer
}

// log returns where requests are logged, and how. Scripts read one line of JSON and nothing else.
func (o Options) log() (io.Writer, palette) {
	if o.JSON {
		return io.Discard, false
	}
	return o.Stderr, paletteOf(o.Stderr)
}

// Run runs a provider until the context ends. When it has fetched and verified a token, it prints how to use the
// provider.
func Run(ctx context.Context, o Options) error {
	c := o.Settings
	seeds, err := openFolder(o.Data, &c)
	if err != nil {
		return err
	}
	logger := server.NewLogger(c, o.Stderr)
	database, err := server.OpenDatabase(ctx, c)
	if err != nil {
		return err
	}
	defer database.Close()
	database.LogTo(logger)
	if err := prepare(ctx, database, seeds); err != nil {
		return err
	}
	listener, err := o.listenAt(&c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if c.WechatBaseURL, err = startSimulator(ctx, o, seeds.simulated(c.Issuer)); err != nil {
		return err
	}
	useSimulated(&c, seeds)
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
	requests := newRequestLog(process.Handler())
	site, err := newSite(ctx, c, seeds, database, requests)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- process.Serve(ctx, site, listener) }()
	tried, err := tryOut(ctx, c, seeds)
	if ctx.Err() != nil { // stopped before it was ready
		return <-served
	}
	if err != nil {
		stop()
		return errors.Join(fmt.Errorf("the provider is up but its first token failed: %w", err), <-served)
	}
	o.setPush(ctx, c, database, seeds.AppID)
	requests.start(o.log())
	if err := printReady(o.Stdout, o.JSON, c, seeds, tried); err != nil {
		return err
	}
	return <-served
}

// useSimulated sets what needs the simulator and its apps, unless it is set already.
func useSimulated(c *settings.Settings, s seeds) {
	c.Scan, c.ScanLinkApp, c.Pages.Scopes = true, cmp.Or(c.ScanLinkApp, s.AppID), scopeWords(c.Pages.Scopes)
	if len(c.WechatApps) == 0 {
		c.WechatApps = []string{s.browserApp(identity.KindWebsite).ID, s.browserApp(identity.KindOfficialAccount).ID}
	}
	if c.QQBaseURL == inProcess {
		c.QQBaseURL = c.WechatBaseURL + simulator.QQPath
	}
}

// LoadOptions are the defaults and limits of the configuration, for an address to listen on and a folder for data.
func LoadOptions(addr, data string) settings.LoadOptions {
	return settings.LoadOptions{
		Defaults: map[string]string{
			"server.addr":           addr,
			"server.shutdown_delay": "0s",
			"database.url":          "sqlite:" + filepath.ToSlash(filepath.Join(data, "lingpai.db")),
			"wechat.base_url":       inProcess,
			"qq.base_url":           inProcess,
			"log.level":             "warn",
			"log.format":            "text",
		},
		Flags: map[string]string{"server.addr": "addr"},
		Rules: []settings.Rule{
			{Key: "server.addr", Check: func(c settings.Settings) error {
				if host, _, _ := net.SplitHostPort(c.Addr); !settings.IsLoopback(host) {
					return fmt.Errorf("lingpai dev listens on loopback only, not on %q, since its secrets "+
						"are for this machine; to serve others, use lingpai serve", c.Addr)
				}
				return nil
			}},
			{Key: "server.issuer", Check: func(c settings.Settings) error {
				if issuer, err := url.Parse(c.Issuer); c.Issuer != "" &&
					(err != nil || !settings.IsLoopback(issuer.Hostname())) {
					return fmt.Errorf("lingpai dev is for this machine only, and %q is not on loopback", c.Issuer)
				}
				return nil
			}},
			{Key: "keys.retire", Check: settings.CheckKeyLifetime},
			{Key: "keys.interval", Check: settings.CheckKeyInterval},
			{Key: "qq.base_url", Check: func(c settings.Settings) error {
				if !c.IsSimulated(identity.PlatformQQ) {
					return errors.New("lingpai dev does not call QQ, only a simulator on loopback")
				}
				return nil
			}},
			{Key: "wechat.base_url", Check: func(c settings.Settings) error {
				if !c.IsSimulated(identity.PlatformWechat) {
					return errors.New("lingpai dev does not call WeChat, only a simulator on loopback")
				}
				return nil
			}},
		},
	}
}

// listenAt listens for requests to the provider, and completes its issuer with the port, and with the host that was
// asked for: passkeys, for instance, need the name localhost.
func (o Options) listenAt(c *settings.Settings) (net.Listener, error) {
	listener, err := listen(c.Addr, o.Fixed)
	if err != nil {
		return nil, err
	}
	warnOfOtherPort(o.Stderr, c.Addr, listener.Addr().String())
	host, _, _ := net.SplitHostPort(c.Addr)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	c.Issuer = cmp.Or(c.Issuer, "http://"+net.JoinHostPort(host, port))
	return listener, nil
}

// warnOfOtherPort warns if a provider does not listen on the port that it was asked to.
func warnOfOtherPort(w io.Writer, asked, used string) {
	_, wanted, _ := net.SplitHostPort(asked)
	if _, got, _ := net.SplitHostPort(used); wanted != "0" && got != wanted {
		fmt.Fprintf(w, "%s is in use, perhaps by another lingpai; listening on %s instead\n", asked, used)
	}
}

// listen listens on an address, or on the next free port unless the address is fixed.
func listen(addr string, fixed bool) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return listener, nil
	case fixed:
		return nil, fmt.Errorf("--addr: %w; without --addr, the next free port is used", err)
	}
	host, text, _ := net.SplitHostPort(addr)
	port, _ := strconv.Atoi(text)
	for next := port + 1; next < port+100; next++ {
		if listener, err2 := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(next))); err2 == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("server.addr: %w; the next 99 ports are in use as well", err)
}
