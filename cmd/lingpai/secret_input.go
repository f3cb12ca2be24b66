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

const (
	// maxSecretBytes bounds what is read as a secret: more than that is the wrong file.
	maxSecretBytes = 4096
	// secretAttempts limits how often a secret is asked for while its repetition differs.
	secretAttempts = 3
)

// addSecretFlag gives --secret-file to a command that calls readSecret.
func addSecretFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("secret-file", "", "read the secret from the first line of this file "+
		"(default: one line on standard input)")
	_ = cmd.MarkFlagFilename("secret-file") // does not fail: the flag exists
	return cmd
}

// readSecret reads one line from a file or from standard input, never from the command line, which other users of a
// machine can see. At a terminal the line is not shown and is asked for twice.
func readSecret(ctx context.Context, cmd *cobra.Command, what string) (string, error) {
	line, err := secretLine(ctx, cmd, what)
	switch {
	case err != nil:
		return "", err
	case len(line) > maxSecretBytes:
		return "", fmt.Errorf("the %s has more than %d bytes: is this the right file?", what, maxSecretBytes)
	}
	if line = strings.TrimRight(strings.TrimPrefix(line, terminal.ByteOrderMark), "\r\n"); line == "" {
		return "", fmt.Errorf("no %s was given: write it as one line to standard input, or name a file "+
			"with --secret-file", what)
	}
	return line, nil
}

func secretLine(ctx context.Context, cmd *cobra.Command, what string) (string, error) {
	path, _ := cmd.Flags().GetString("secret-file")
	if file, ok := cmd.InOrStdin().(*os.File); ok && path == "" && terminal.IsTerminal(file) {
		return typedTwice(what, cmd.ErrOrStderr(), func() (string, error) { return terminal.ReadHidden(ctx, file) })
	}
	source, err := openInput(ctx, cmd, "secret-file", "")
	if err != nil {
		return "", err
	}
	defer source.Close()
	line, err := bufio.NewReader(io.LimitReader(source, maxSecretBytes+1)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("no %s was read: %w", what, err)
	}
	return line, nil
}

// typedTwice asks for a secret and its repetition until they match, at most secretAttempts times. Prompts
// go to w.
func typedTwice(what string, w io.Writer, read func() (string, error)) (string, error) {
	ask := func(prompt string) (string, error) {
		fmt.Fprint(w, prompt+" (not shown): ")
		text, err := read()
		fmt.Fprintln(w) // the end of the line was not shown either
		if err != nil {
			err = fmt.Errorf("no %s was read: %w", what, err)
		}
		return text, err
	}
	for range secretAttempts {
		text, err := ask(what)
		if err != nil || text == "" {
			return "", err
		}
		again, err := ask("repeat the " + what)
		if err != nil || again == text {
			return text, err
		}
		fmt.Fprintln(w, "the repetition differs")
	}
	return "", fmt.Errorf("the %s was not repeated correctly; nothing was changed", what)
}

// openInput opens the file that a flag names, or standard input; at a terminal it prints a prompt first.
func openInput(ctx context.Context, cmd *cobra.Command, flag, prompt string) (io.ReadCloser, error) {
	if path, _ := cmd.Flags().GetString(flag); path != "" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flag, err)
		}
		return file, nil
	}
	if terminal.IsTerminal(cmd.InOrStdin()) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
	}
	return terminal.Interruptible(ctx, cmd.InOrStdin()), nil
}
