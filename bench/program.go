package main

import (
	"context"

	"github.com/lingpai/lingpai/internal/e2e"
	"github.com/lingpai/lingpai/keys"
)

// program is a build of lingpai.
type program struct {
	path   string // until it is built, only its name
	signer string // that makes its signatures
}

// goSigner is the signer of a build without tags.
const goSigner = "go"

// withLibrary reports whether this program, and so the server, was built to sign with an implementation other than
// Go's.
func withLibrary() bool { return keys.BuiltBackend() != goSigner }

// buildPrograms builds lingpai as for production, with the tags of this program; for -signers also without tags.
func buildPrograms(ctx context.Context, o options, folder string) ([]program, error) {
	programs := []program{{"lingpai", keys.BuiltBackend()}}
	if o.signers {
		programs = append(programs, program{"lingpai-go", goSigner})
	}
	for n := range programs {
		if err := programs[n].build(ctx, folder); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

func (p *program) build(ctx context.Context, folder string) error {
	tags, cgo := e2e.Tags(), "1"
	if p.signer == goSigner {
		tags, cgo = "", "0"
	}
	var err error
	p.path, err = e2e.Build(ctx, folder, p.path, []string{"-tags", tags, "-trimpath", "-ldflags", "-s -w"},
		"CGO_ENABLED="+cgo)
	if err != nil {
		return err
	}
	return dropFromCache(p.path)
}
