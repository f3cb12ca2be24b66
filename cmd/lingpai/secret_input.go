package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

// maxSecretBytes bounds what is read as a secret: more than that is the wrong file.
const maxSecretBytes = 4096

// addSecretFlag gives --secret-file to a command that calls readSecret.
func addSecretFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("secret-file", "", "file whose first line is the secret; default: one line on standard input")
	return cmd
}

// readSecret reads one line from a file, or from standard input; never from the command line, which other
// users of a machine can see.
func readSecret(ctx context.Context, cmd *cobra.Command, what string) (string, error) {
	source, err := openInput(ctx, cmd, "secret-file", what+" (one line; it is shown as you type): ")
	if err != nil {
		return "", err
	}
	defer source.Close()
	line, err := bufio.NewReader(io.LimitReader(source, maxSecretBytes+1)).ReadString('\n')
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("no %s was read: %w", what, err)
	case len(line) > maxSecretBytes:
		return "", fmt.Errorf("the %s has more than %d bytes: is this the right file?", what, maxSecretBytes)
	}
	if line = strings.TrimRight(strings.TrimPrefix(line, terminal.ByteOrderMark), "\r\n"); line == "" {
		return "", fmt.Errorf("no %s was given: write it as one line to standard input, or name a file "+
			"with --secret-file", what)
	}
	return line, nil
}

// openInput opens the file that a flag names, or else standard input, for which a terminal is asked.
func openInput(ctx context.Context, cmd *cobra.Command, flag, ask string) (io.ReadCloser, error) {
	if path, _ := cmd.Flags().GetString(flag); path != "" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
		return file, nil
	}
	if terminal.IsTerminal(cmd.InOrStdin()) {
		fmt.Fprint(cmd.ErrOrStderr(), ask)
	}
	return terminal.Interruptible(ctx, cmd.InOrStdin()), nil
}
