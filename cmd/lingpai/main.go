// Command lingpai is the token provider and the tool of the people who operate it. It is the only place that wires the house together.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	root := newRootCommand()
	root.SetOut(os.Stdout) // cobra would print answers to standard error
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "lingpai:", err)
		os.Exit(1)
	}
}
