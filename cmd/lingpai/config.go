package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
)

// config is everything that can be configured, parsed.
type config struct {
	Addr                string
	Issuer              string
	TrustedProxies      []netip.Prefix
	AllowInsecureHTTP   bool
	DatabaseURL         identity.Secret
	DatabaseConnections int
	RedisURL            identity.Secret
	RedisKeyPrefix      string
	MasterKey           identity.Secret
	WechatBaseURL       string
	WechatTimeout       time.Duration
	SessionKeyLife      time.Duration
	QQBaseURL           string
	DeletionGrace       time.Duration

	KeyInterval, KeyAnnounce, KeyRetire time.Duration

	AddressRegistrations, Registrations int
	AccessTTL                           time.Duration
	RefreshGrace                        time.Duration
	RefuseAhead                         bool
	SessionIdle                         time.Duration
	SessionAbsolute                     time.Duration
	SessionLimit                        int
	AddressAttempts                     int
	MetricsAddr                         string
	LogLevel                            slog.Level
	LogFormat                           string
}

// setting is one key: in the file as it is, in the environment as LINGPAI_ and the key in capitals with
// underscores, as a flag with dashes. Its usage says what is allowed.
type setting struct {
	key, fallback, usage string
	secret               bool // may be read from a file named by …_FILE; has no flag, since flags show in process lists
	parse                func(c *config, value string) error
}

func (s setting) variable() string {
	return "LINGPAI_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

func (s setting) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.key) }

// fault says what is wrong with a setting, and what is allowed.
func (s setting) fault(err error) error {
	return fmt.Errorf("%s (%s): %w; allowed: %s", s.key, s.variable(), err, s.usage)
}

// addConfigFlags gives a command --config and a flag for every key that is no secret.
func addConfigFlags(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "YAML file with any of the keys (also LINGPAI_CONFIG)")
	var secrets strings.Builder
	for _, s := range settings() {
		if s.secret {
			fmt.Fprintf(&secrets, "\n  %-14s %-22s %s", s.key, s.variable(), s.usage)
			continue
		}
		cmd.Flags().String(s.flag(), s.fallback, fmt.Sprintf("%s (%s)", s.usage, s.variable()))
	}
	cmd.Long += `

A key is written in three ways. In the file: "session: {refresh_grace: 30s}"; in the environment:
LINGPAI_SESSION_REFRESH_GRACE=30s; as a flag: --session-refresh-grace 30s. Flags win over the environment, and that
over the file. Secrets have no flag, since other users of a machine can see flags; instead, each can be read from a file
that its variable with _FILE behind it names:
` + secrets.String()
}

// terms are what a command asks of the configuration beyond the form of each setting.
type terms struct {
	defaults map[string]string // by key, instead of the settings' own
	flags    map[string]string // by key, names of flags other than the usual
	demands  []demand
}

// demand is a rule for a setting that holds for one command, or that needs to know other settings.
type demand struct {
	key   string
	check func(c config) error
}

// loadConfig reads file, environment and flags, and reports every fault at once.
func loadConfig(cmd *cobra.Command, t terms) (config, error) {
	c := config{}
	fromFile, faults := readConfigFile(cmd)
	faults = append(faults, unknownVariables()...)
	byKey := map[string]error{}
	for _, s := range settings() {
		byKey[s.key] = s.read(&c, cmd, fromFile, t)
	}
	for _, d := range t.demands { // after all is read, since a demand may look at several settings
		if byKey[d.key] == nil {
			byKey[d.key] = d.check(c)
		}
	}
	for _, s := range settings() {
		if err := byKey[s.key]; err != nil {
			faults = append(faults, s.fault(err))
		}
	}
	if len(faults) > 0 {
		return c, fmt.Errorf("the configuration has %d fault(s):\n%w", len(faults), errors.Join(faults...))
	}
	return c, nil
}

// read finds a setting's value where it counts most, and parses it.
func (s setting) read(c *config, cmd *cobra.Command, fromFile *koanf.Koanf, t terms) error {
	value, source := s.fallback, "the default"
	if other, ok := t.defaults[s.key]; ok {
		value = other
	}
	if fromFile.Exists(s.key) {
		value, source = fileValue(fromFile, s.key), "the file"
	}
	if v, from, err := s.fromEnvironment(); err != nil {
		return err
	} else if from != "" {
		value, source = v, from
	}
	name := cmp.Or(t.flags[s.key], s.flag())
	if f := cmd.Flags().Lookup(name); f != nil && f.Changed && !s.secret {
		value, source = f.Value.String(), "--"+name
	}
	err := s.parse(c, value)
	switch {
	case err == nil:
		return nil
	case s.secret:
		return fmt.Errorf("the value from %s: %w", source, err)
	}
	return fmt.Errorf("%q from %s: %w", value, source, err)
}

// databaseFile is the file in which the database is, or "" if it is not in one.
func (c config) databaseFile() string {
	path, ok := strings.CutPrefix(c.DatabaseURL.Reveal(), "sqlite:")
	if !ok {
		return ""
	}
	path, _, _ = strings.Cut(path, "?")
	return path
}

// databaseName names the database for people, without the password.
func (c config) databaseName() string {
	if file := c.databaseFile(); file != "" {
		return file
	}
	u, err := url.Parse(c.DatabaseURL.Reveal())
	if err != nil {
		return "PostgreSQL"
	}
	return "PostgreSQL at " + u.Host + u.Path
}
