package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// byteOrderMark is what some editors and shells write at the beginning of a text file. It is not part of a secret.
const byteOrderMark = "\ufeff"

// readFile reads the YAML file, if any, and returns an error for each unknown key.
func readFile(flags *pflag.FlagSet) (*koanf.Koanf, []error) {
	k := koanf.New(".")
	path, source := configPath(flags)
	if path == "" {
		return k, nil
	}
	if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
		if strings.Contains(err.Error(), "cannot unmarshal") { // the error quotes what it found, which may be a secret
			err = errors.New("it does not contain keys and values, such as \"session: {idle: 168h}\"")
		}
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err
		}
		if strings.Contains(path, "@") { // it may be a URL with a password
			path = "the file"
		}
		return k, []error{fmt.Errorf("%s: cannot read %s: %w", source, path, err)}
	}
	isEmpty := func(key string) bool {
		section, isSection := k.Get(key).(map[string]any)
		return k.Get(key) == nil || isSection && len(section) == 0
	}
	return k, unknownKeys(k.Keys(), isEmpty, path)
}

// configPath returns the path of the YAML file and what names it, or "" if there is none.
func configPath(flags *pflag.FlagSet) (path, source string) {
	if path, _ = flags.GetString("config"); path != "" {
		return path, "--config"
	}
	return os.Getenv("LINGPAI_CONFIG"), "LINGPAI_CONFIG"
}

// fileValue formats a YAML value as in the environment: lists are separated by commas.
func fileValue(k *koanf.Koanf, key string) string {
	if list, ok := k.Get(key).([]any); ok {
		texts := make([]string, len(list))
		for n, item := range list {
			texts[n] = fmt.Sprint(item)
		}
		return strings.Join(texts, ",")
	}
	return k.String(key)
}

// fromEnvironment returns a value and the name of its variable, which is "" if none is set.
func (s setting) fromEnvironment() (value, from string, err error) {
	value, set := os.LookupEnv(s.variable())
	path, inFile := os.LookupEnv(s.variable() + "_FILE")
	switch {
	case inFile && !s.secret:
		return "", "", fmt.Errorf("%s_FILE is set, but only secrets are read from files", s.variable())
	case set && inFile:
		return "", "", fmt.Errorf("both %s and %s_FILE are set; unset one", s.variable(), s.variable())
	case inFile && path == "":
		return "", "", fmt.Errorf("%s_FILE is empty; name a file, or unset it", s.variable())
	case inFile:
		text, err := os.ReadFile(path)
		if failed, ok := errors.AsType[*fs.PathError](err); ok && strings.ContainsAny(path, ":@") {
			err = failed.Err // the path may be the secret itself
		}
		if err != nil {
			return "", "", fmt.Errorf("%s_FILE: %w", s.variable(), err)
		}
		if value = strings.TrimSpace(strings.TrimPrefix(string(text), byteOrderMark)); value == "" {
			return "", "", fmt.Errorf("%s_FILE: %s is empty", s.variable(), path)
		}
		return value, s.variable() + "_FILE", nil
	case set:
		return value, s.variable(), nil
	}
	return "", "", nil
}
