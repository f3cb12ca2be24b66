package settings

import (
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// File is a file that settings were read from.
type File struct {
	Path   string
	Secret bool // it contains a master key or the URL of a server with its password
}

// readFiles returns the configuration file and the files of secrets.
func readFiles(flags *pflag.FlagSet, fromFile *koanf.Koanf) (files []File) {
	config, _ := configPath(flags)
	secret := false
	for _, s := range table() {
		if !s.secret {
			continue
		}
		if path := os.Getenv(s.variable() + "_FILE"); path != "" {
			files = append(files, File{path, true})
		}
		value := fromFile.String(s.key)
		secret = secret || value != "" && !strings.HasPrefix(value, "sqlite:")
	}
	if config != "" {
		files = append(files, File{config, secret})
	}
	return files
}

// Exposed returns how other users of this machine may misuse a file: by reading secrets, or by changing settings. It
// returns "" if they cannot, and on Windows, which has no such bits.
func (f File) Exposed() string {
	info, err := os.Stat(f.Path)
	if err != nil || runtime.GOOS == "windows" {
		return ""
	}
	const readable, writable fs.FileMode = 0o044, 0o022
	mode := info.Mode().Perm()
	switch {
	case f.Secret && mode&readable != 0:
		return fmt.Sprintf("users of this machine other than its owner can read the secrets in %s (mode %04o)", f.Path,
			mode)
	case mode&writable != 0:
		return fmt.Sprintf("users of this machine other than its owner can change %s (mode %04o)", f.Path, mode)
	}
	return ""
}
