package simulator

import (
	"fmt"

	"github.com/spf13/cobra"
)

// NewCommand returns the command that runs the simulators. program is how it is called, such as
// "lingpai wechat-simulator", for examples. The command prints the URLs of the simulators: as text, or as a line of
// JSON if it has a flag "output" with the value "json".
func NewCommand(program string) *cobra.Command {
	var addr string
	var apps []string
	cmd := &cobra.Command{
		Use:   "wechat-simulator",
		Short: "Run a simulator of WeChat and QQ",
		Long: `Run a simulator of WeChat's server APIs on loopback, for development and tests. Set wechat.base_url
to its URL, and qq.base_url to its path /qq. AppSecrets must begin with "simulator-"; it rejects real ones. Add apps of
kinds other than mini-program with POST /_sim/apps and a "kind", and create their codes with POST /_sim/oauth_codes. A
phone that scans codes is at /_sim/phone. All calls are on the page docs/simulator.md.

To create a code, as wx.login does:
  curl -s -X POST http://127.0.0.1:8081/_sim/codes -d '{"appid":"wx0123456789abcdef","user":"alice"}'`,
		Example: "  " + program + " --app wx0123456789abcdef:simulator-secret\n  " +
			"LINGPAI_WECHAT_BASE_URL=http://127.0.0.1:8081 lingpai serve",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := Listen("--addr", addr)
			if err != nil {
				return err
			}
			simulators := New()
			if err := simulators.Add(apps); err != nil {
				return err
			}
			wechat := "http://" + listener.Addr().String()
			form := "WeChat simulator: %s\nQQ simulator: %s\n"
			if output, _ := cmd.Flags().GetString("output"); output == "json" {
				form = "{\"wechat\":%q,\"qq\":%q}\n" // one line, for scripts
			}
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), form, wechat, wechat+QQPath); err != nil {
				return err
			}
			return simulators.Serve(cmd.Context(), listener)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "loopback host:port to listen on")
	cmd.Flags().StringArrayVar(&apps, "app", nil,
		"APPID:SECRET of an app (repeatable); POST /_sim/apps adds more while it runs")
	return cmd
}
