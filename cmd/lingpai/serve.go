package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server/settings"
)

// drainTime is how long requests in flight may take after the signal to stop.
const drainTime = 20 * time.Second

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve tokens",
		Long: `Serve tokens, behind a reverse proxy that terminates TLS. The database must be migrated (lingpai migrate up) and
needs a master key (lingpai keys new-master-key); the signing key is made at the first start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd, terms{Demands: []settings.Demand{
				{Key: "server.issuer", Check: settings.CheckIssuer},
				{Key: "master_key", Check: settings.RequireMasterKey},
				{Key: "keys.retire", Check: settings.CheckKeyLifetime},
				{Key: "keys.interval", Check: settings.CheckKeyInterval},
			}})
			if err != nil {
				return err
			}
			return serve(cmd.Context(), c, newLogger(c, cmd.ErrOrStderr()))
		},
	}
	settings.AddFlags(cmd)
	return cmd
}

func serve(ctx context.Context, c config, logger *slog.Logger) error {
	if c.Insecure() {
		logger.Warn("the issuer is http on a private address: everybody on this network can read tokens; "+
			"for development only", "issuer", c.Issuer)
	}
	if c.Simulates(identity.PlatformWechat) {
		logger.Warn("wechat.base_url is not WeChat: only simulated apps can sign in", "wechat.base_url",
			c.WechatBaseURL)
	}
	if c.Simulates(identity.PlatformQQ) {
		logger.Warn("qq.base_url is not QQ: only simulated apps can sign in", "qq.base_url", c.QQBaseURL)
	}
	database, err := openMigrated(ctx, c)
	if err != nil {
		return err
	}
	defer database.Close()
	volatile, err := openVolatile(c)
	if err != nil {
		return err
	}
	defer volatile.Close()
	if err := volatile.Ping(ctx); err != nil {
		logger.Warn("Redis does not answer: until it does, "+withoutRedis, "error", err)
	}
	handler, err := openHouse(ctx, c, database, volatile, logger)
	if err != nil {
		return err
	}
	listener, err := listen("server.addr", c.Addr)
	if err != nil {
		return err
	}
	logger.Info("serving", "addr", listener.Addr().String(), "issuer", c.Issuer, "version", buildVersion())
	return serveUntilDone(ctx, provider.NewHTTPServer(handler, logger), listener)
}

// listen listens at the address of a setting or flag, or says what to do.
func listen(setting, addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is taken by another program, perhaps another lingpai: stop that, or "+
			"give another address", setting, addr)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return listener, nil
}

// serveUntilDone serves until the context ends, then lets requests in flight finish.
func serveUntilDone(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(errors.New("requests were still running when the time to finish them was over"), err)
	}
	return nil
}
