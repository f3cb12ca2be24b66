package server

import (
	"context"
	"io"
	"log/slog"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/internal/serve"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server/settings"
)

// withoutRedis lists the requests that are rejected while Redis does not work.
const withoutRedis = "passwords, registrations, phone numbers and calls that need a session key are refused"

// Serve serves requests with the given settings until the context ends, as [Server.Serve] does. It logs the version at
// the start.
func Serve(ctx context.Context, s settings.Settings, logger *slog.Logger, version string) error {
	warn(s, logger)
	database, pooler, err := openToServe(ctx, s, logger)
	if err != nil {
		return err
	}
	defer database.Close()
	volatile, err := OpenVolatile(s)
	if err != nil {
		return err
	}
	defer volatile.Close()
	if err := volatile.CheckWritable(ctx); err != nil {
		logger.Warn("Redis "+redisNote(err), "error", err)
	}
	server, err := New(ctx, Config{Settings: s, Stores: StoresOf(database), Volatile: volatile, Logger: logger})
	if err != nil {
		return err
	}
	defer server.Close()
	background, stop := context.WithCancel(context.WithoutCancel(ctx)) // it is needed until the last request
	defer stop()
	if err := server.Start(background); err != nil {
		return err
	}
	if err := <-pooler; err != nil {
		return err
	}
	listener, err := serve.Listen("server.addr", s.Addr)
	if err != nil {
		return err
	}
	logger.Info("serving", "addr", listener.Addr().String(), "issuer", s.Issuer, "version", version)
	return server.Serve(ctx, server.Handler(), listener)
}

// warn logs settings that are allowed but dangerous.
func warn(s settings.Settings, logger *slog.Logger) {
	if s.Insecure() {
		logger.Warn("the issuer is http on a private address: everybody on this network can read tokens; "+
			"for development only", "issuer", s.Issuer)
	}
	if s.TrustsNoProxy() {
		logger.Warn(settings.NoProxyTrusted)
	}
	if s.IsSimulated(identity.PlatformWechat) {
		logger.Warn("wechat.base_url is not WeChat: only simulated apps can sign in", "wechat.base_url",
			s.WechatBaseURL)
	}
	if s.IsSimulated(identity.PlatformQQ) {
		logger.Warn("qq.base_url is not QQ: only simulated apps can sign in", "qq.base_url", s.QQBaseURL)
	}
	if s.ForgetsEarly() {
		logger.Warn("audit.retention is less than 180 days: an attack may be noticed only after its traces are deleted",
			"audit.retention", s.AuditRetention.String())
	}
	for _, file := range s.Files {
		if how := file.Exposed(); how != "" {
			logger.Warn(how)
		}
	}
}

// NewLogger returns a logger with the configured level and format, which adds request ids to its lines.
func NewLogger(s settings.Settings, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "text" {
		return slog.New(provider.LogRequestIDs(slog.NewTextHandler(w, options)))
	}
	return slog.New(provider.LogRequestIDs(slog.NewJSONHandler(w, options)))
}
