package settings

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// setting is one key: in the file unchanged, in the environment as LINGPAI_ and the key in capitals with underscores,
// as a flag with dashes. Its usage describes the allowed values.
type setting struct {
	key, fallback, usage string
	secret               bool // may be read from the file in …_FILE; no flag, since process lists show flags
	parse                func(c *Settings, value string) error
}

func (s setting) variable() string {
	return "LINGPAI_" + strings.ToUpper(strings.ReplaceAll(s.key, ".", "_"))
}

func (s setting) flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.key) }

// fault returns an error for a setting, with the allowed values.
func (s setting) fault(err error) error {
	return fmt.Errorf("%s (%s): %w; allowed: %s", s.key, s.variable(), err, s.usage)
}

// Key describes one setting for documentation.
type Key struct {
	Name, Variable, Default, Usage string
	Secret                         bool // has no flag
}

// Keys returns all settings in the order of the documentation.
func Keys() []Key {
	var keys []Key
	for _, s := range table() {
		keys = append(keys, Key{
			Name: s.key, Variable: s.variable(), Default: s.fallback, Usage: s.usage, Secret: s.secret,
		})
	}
	return keys
}

// AddFlags gives a command --config and a flag for every key that is not a secret, and explains keys in its long help.
func AddFlags(cmd *cobra.Command) {
	cmd.Flags().String("config", "", "YAML file with any of the settings (also LINGPAI_CONFIG)")
	var secrets strings.Builder
	for _, s := range table() {
		if s.secret {
			fmt.Fprintf(&secrets, "\n  %-14s %-22s %s", s.key, s.variable(), s.usage)
			continue
		}
		cmd.Flags().String(s.flag(), s.fallback, fmt.Sprintf("%s (%s)", s.usage, s.variable()))
	}
	cmd.Long += `

A setting can be given in three ways. In the file: "session: {refresh_grace: 30s}"; in the environment:
LINGPAI_SESSION_REFRESH_GRACE=30s; as a flag: --session-refresh-grace 30s. Flags take precedence over the environment,
and the environment over the file. Secrets have no flag, since other users of a machine can see flags; instead, append
_FILE to the variable to read the secret from the file that it names:
` + secrets.String()
}

// LoadOptions adapts the settings to a command.
type LoadOptions struct {
	Defaults map[string]string // by key; they replace the settings' own
	Flags    map[string]string // by key, the names of flags if not the usual ones
	Rules    []Rule
}

// Rule is a rule for a setting that applies to one command, or that depends on other settings.
type Rule struct {
	Key   string
	Check func(s Settings) error
}

// Defaults returns the default settings, without reading a file, the environment or flags.
func Defaults() Settings {
	var s Settings
	for _, entry := range table() {
		if err := entry.parse(&s, entry.fallback); err != nil {
			panic(fmt.Sprintf("settings: the default of %s: %v", entry.key, err)) // tests read all defaults
		}
	}
	return s
}

// Load reads the file, the environment and the flags of [AddFlags], as far as a command has them. Its error lists
// every problem; [Problems] splits it.
func Load(flags *pflag.FlagSet, options LoadOptions) (Settings, error) {
	var loaded Settings
	fromFile, faults := readFile(flags)
	faults = append(faults, unknownVariables()...)
	byKey := map[string]error{}
	for _, s := range table() {
		byKey[s.key] = s.read(&loaded, flags, fromFile, options)
	}
	loaded.Files = readFiles(flags, fromFile)
	for _, d := range options.Rules { // after all is read, since a rule may depend on several settings
		if byKey[d.Key] == nil {
			byKey[d.Key] = d.Check(loaded)
		}
	}
	for _, s := range table() {
		if err := byKey[s.key]; err != nil {
			faults = append(faults, s.fault(err))
		}
	}
	if len(faults) > 0 {
		return loaded, fmt.Errorf("the configuration has %d error(s):\n%w", len(faults), errors.Join(faults...))
	}
	return loaded, nil
}

// Problems returns the problems in an error of [Load].
func Problems(err error) []error {
	if err == nil {
		return nil
	}
	if all, ok := errors.Unwrap(err).(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}

// read finds a setting's value in the source of the highest precedence, and parses it.
func (s setting) read(c *Settings, flags *pflag.FlagSet, fromFile *koanf.Koanf, options LoadOptions) error {
	value, source := s.fallback, "the default"
	if other, ok := options.Defaults[s.key]; ok {
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
	name := cmp.Or(options.Flags[s.key], s.flag())
	if f := flags.Lookup(name); f != nil && f.Changed && !s.secret {
		value, source = f.Value.String(), "--"+name
	}
	err := s.parse(c, value)
	switch {
	case err == nil:
		return nil
	case s.secret || strings.Contains(value, "@"): // perhaps a URL with a password, malformed or of another setting
		return fmt.Errorf("the value from %s: %w", source, err)
	}
	return fmt.Errorf("%q from %s: %w", value, source, err)
}
