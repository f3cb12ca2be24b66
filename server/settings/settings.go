// Package settings reads the configuration of a process: a YAML file, then the environment, then flags, each
// of which overrides the one before. It parses each setting, checks settings against each other, and reports
// all problems at once.
package settings

import (
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/storage/sql/pgurl"
)

// Settings are all parsed settings. [Defaults] returns the default values.
type Settings struct {
	Addr                string
	Issuer              string
	TrustedProxies      []netip.Prefix
	Connections         int
	AllowInsecureHTTP   bool
	DatabaseURL         identity.Secret
	DatabaseConnections int
	RedisURL            identity.Secret
	RedisKeyPrefix      string
	MasterKey           identity.Secret
	WechatBaseURL       string
	WechatTimeout       time.Duration
	SessionKeyLifetime  time.Duration
	QQBaseURL           string
	DeletionGrace       time.Duration

	KeyInterval, KeyAnnounce, KeyRetire time.Duration

	AddressRegistrations, Registrations int
	AccessTTL                           time.Duration
	ContextClasses                      identity.ContextClasses // nil: no acr
	ShutdownDelay                       time.Duration
	RefreshGrace                        time.Duration
	RefuseAhead                         bool
	SessionIdle                         time.Duration
	SessionAbsolute                     time.Duration
	BrowserIdle                         time.Duration // of browser sessions; the next one, too
	BrowserAbsolute                     time.Duration
	WechatApps                          []string
	WechatFrame, WechatQuickLogin       bool
	WechatFiles                         map[string][]byte // by name; nil: none
	Scan                                bool
	ScanNumber                          string // as authorize.NumberMatching
	ScanApp, ScanPage, ScanVersion      string // as in signin.MiniProgramCodes
	ScanUnpublished                     bool
	ScanLinkApp                         string // as in signin.MiniProgramLinks
	ScanPlaces                          string // path of a file for package places; "": none
	SessionLimit                        int
	AddressAttempts                     int
	LimitOverrides                      map[limits.Name]limits.Rate
	AuditRetention                      time.Duration // 0: for ever
	MetricsAddr                         string
	LogLevel                            slog.Level
	LogFormat                           string
	Pages                               pages.Theme

	Files []File // that the settings were read from
}

// usualRetention is how long events are kept unless the operator decides otherwise.
const usualRetention = 180 * 24 * time.Hour

// ForgetsEarly reports whether the audit log is kept for a shorter time than usual.
func (s Settings) ForgetsEarly() bool {
	return s.AuditRetention != 0 && s.AuditRetention < usualRetention
}

// Limits returns the rates that differ from those of [limits.All].
func (s Settings) Limits() map[limits.Name]limits.Rate {
	rates := map[limits.Name]limits.Rate{}
	for _, limit := range limits.All() {
		switch limit.Name {
		case limits.PasswordAddress:
			limit.Rate.Uses = s.AddressAttempts
		case limits.AddressRegistrations:
			limit.Rate.Uses = s.AddressRegistrations
		case limits.Registrations:
			limit.Rate.Uses = s.Registrations
		}
		rates[limit.Name] = limit.Rate
	}
	maps.Copy(rates, s.LimitOverrides)
	return rates
}

// DatabaseFile returns the path of an SQLite database, or "" for PostgreSQL.
func (s Settings) DatabaseFile() string {
	path, ok := strings.CutPrefix(s.DatabaseURL.Reveal(), "sqlite:")
	if !ok {
		return ""
	}
	path, _, _ = strings.Cut(path, "?")
	return path
}

// DatabaseName describes the database for people, without its password.
func (s Settings) DatabaseName() string {
	if file := s.DatabaseFile(); file != "" {
		return file
	}
	config, err := pgurl.Parse(s.DatabaseURL.Reveal())
	if err != nil {
		return "PostgreSQL"
	}
	return pgurl.Name(config)
}
