// Command lingpai is the token provider and the tool of the people who operate it. Its commands
// parse, call and print; package server wires the process.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	root := newRootCommand()
	out := &answerWriter{Writer: os.Stdout}
	root.SetOut(out) // cobra would print answers to standard error
	err := root.ExecuteContext(ctx)
	if err == nil && out.fault != nil { // as on a full disk, where half a key set must not look like one
		err = fmt.Errorf("not all could be printed: %w", out.fault)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lingpai:", err)
		os.Exit(1)
	}
}

// answerWriter remembers what went wrong, which cobra does not tell commands.
type answerWriter struct {
	io.Writer
	fault error
}

func (w *answerWriter) Write(text []byte) (int, error) {
	n, err := w.Writer.Write(text)
	w.fault = cmp.Or(w.fault, err)
	return n, err
}
