// Command wechat-simulator runs the simulator of WeChat and QQ without Lingpai, for programs of any kind that sign
// users in with WeChat. It is the command "lingpai wechat-simulator" as a program of its own.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/simulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	command := newCommand()
	if err := command.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "wechat-simulator:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	command := simulator.NewCommand("wechat-simulator")
	command.SilenceUsage, command.SilenceErrors = true, true
	output := command.Flags().String("output", "text", "output format: text or json")
	command.PreRunE = func(*cobra.Command, []string) error {
		if *output != "text" && *output != "json" {
			return fmt.Errorf("--output: %q is neither text nor json", *output)
		}
		return nil
	}
	return command
}
