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

// Package is the import path of lingpai.
const Package = "github.com/lingpai/lingpai/cmd/lingpai"

// ProgramPath returns the path of a program that Build builds, with the system's suffix for
// programs.
func ProgramPath(folder, name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(folder, name)
}

// Build builds lingpai into a folder under a name, with additional arguments of "go build" and environment variables.
// It returns the path of the program. The working directory must be within the module.
func Build(ctx context.Context, folder, name string, args []string, env ...string) (string, error) {
	return BuildPackage(ctx, Package, folder, name, args, env...)
}

// BuildPackage builds the program of a package, as Build does.
func BuildPackage(ctx context.Context, pkg, folder, name string, args []string, env ...string) (string, error) {
	path := ProgramPath(folder, name)
	command := exec.CommandContext(ctx, "go", slices.Concat([]string{"build"}, args, []string{"-o", path, pkg})...)
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// Tags returns the build tags of the calling program, separated by commas, as -tags takes them. Tests use it to build
// the program like themselves.
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

// Environment returns the environment of this process without settings of Lingpai, and more variables.
func Environment(more ...string) []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "LINGPAI_") {
			kept = append(kept, variable)
		}
	}
	return append(kept, more...)
}
