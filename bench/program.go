package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/lingpai/lingpai/keys"
)

// program is lingpai as one build has it.
type program struct {
	path   string
	signer string // by which its signatures are made
}

// goSigner is the signer of a build without tags.
const goSigner = "go"

// withLibrary says whether this program, and so the server, was built to sign with other code than Go's.
func withLibrary() bool { return keys.BuiltBackend() != goSigner }

// buildPrograms builds lingpai as for production, with the tags of this program; for -signers without any as well.
func buildPrograms(ctx context.Context, o options, folder string) ([]program, error) {
	programs := []program{{filepath.Join(folder, "lingpai"), keys.BuiltBackend()}}
	if o.signers {
		programs = append(programs, program{filepath.Join(folder, "lingpai-go"), goSigner})
	}
	for n := range programs {
		if runtime.GOOS == "windows" {
			programs[n].path += ".exe"
		}
		if err := programs[n].build(ctx); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

func (p program) build(ctx context.Context) error {
	tags, cgo := buildTags(), "1"
	if p.signer == goSigner {
		tags, cgo = "", "0"
	}
	command := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-trimpath", "-ldflags", "-s -w", "-o",
		p.path, "github.com/lingpai/lingpai/cmd/lingpai")
	command.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		return err
	}
	return dropFromCache(p.path)
}

// buildTags are those that this program was built with.
func buildTags() string {
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
