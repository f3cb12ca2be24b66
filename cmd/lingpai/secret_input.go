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
)

const (
	// maxSecretBytes bounds what is read as a secret: more than that is the wrong file.
	maxSecretBytes = 4096

	// byteOrderMark begins the text files of some editors and shells, and belongs to no secret.
	byteOrderMark = "\ufeff"
)

// addSecretFlag gives --secret-file to a command that calls readSecret.
func addSecretFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("secret-file", "", "file whose first line is the secret; default: one line on standard input")
	return cmd
}

// readSecret reads one line from a file, or from standard input; never from the command line, which other users of a machine can see.
func readSecret(ctx context.Context, cmd *cobra.Command, what string) (string, error) {
	source := cmd.InOrStdin()
	if path, _ := cmd.Flags().GetString("secret-file"); path != "" {
		file, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("--secret-file: %w", err)
		}
		defer file.Close()
		source = file
	} else if isTerminal(source) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s (one line; it is shown as you type): ", what)
	}
	line, err := readLine(ctx, source)
	switch {
	case err != nil:
		return "", fmt.Errorf("no %s was read: %w", what, err)
	case len(line) > maxSecretBytes:
		return "", fmt.Errorf("the %s has more than %d bytes: is this the right file?", what, maxSecretBytes)
	}
	if line = strings.TrimRight(strings.TrimPrefix(line, byteOrderMark), "\r\n"); line == "" {
		return "", fmt.Errorf("no %s was given: write it as one line to standard input, or name a file with --secret-file", what)
	}
	return line, nil
}

// readLine reads a line, or until the context ends: a read from a terminal would not notice Ctrl-C.
func readLine(ctx context.Context, source io.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(source, maxSecretBytes+1)).ReadString('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		read <- result{line, err}
	}()
	select {
	case r := <-read:
		return r.line, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func isTerminal(source io.Reader) bool {
	file, ok := source.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
