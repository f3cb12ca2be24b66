package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Package is the import path of what is built.
const Package = "github.com/lingpai/lingpai/cmd/lingpai"

// ProgramPath is where Build puts a program: the name gets the suffix that the system's programs have.
func ProgramPath(folder, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(folder, name)
}

// Build builds lingpai into a folder under a name, with the arguments of "go build" that are given and variables
// that the environment of the caller does not have. It returns the path of the program. The working directory
// must be within the module.
func Build(ctx context.Context, folder, name string, args []string, env ...string) (string, error) {
	path := ProgramPath(folder, name)
	command := exec.CommandContext(ctx, "go", slices.Concat([]string{"build"}, args, []string{"-o", path, Package})...)
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", Package, err, out)
	}
	return path, nil
}

// Tags returns the build tags of the calling program, separated by commas, as -tags takes them. What a test
// starts is built as the test is.
func Tags() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	n := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-tags" })
	if n < 0 {
		return ""
	}
	return info.Settings[n].Value
}

// Environment returns the variables of this process without settings of Lingpai, followed by others.
func Environment(more ...string) []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "LINGPAI_") {
			kept = append(kept, variable)
		}
	}
	return append(kept, more...)
}
