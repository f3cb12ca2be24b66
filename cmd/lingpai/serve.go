package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server, behind a reverse proxy that terminates TLS. It needs a migrated database
(lingpai migrate up) and a master key (lingpai keys new-master-key). It generates the signing keys at the first start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := settings.Load(cmd.Flags(), settings.LoadOptions{Rules: []settings.Rule{
				{Key: "server.issuer", Check: settings.CheckIssuer},
				{Key: "master_key", Check: settings.RequireMasterKey},
				{Key: "keys.retire", Check: settings.CheckKeyLifetime},
				{Key: "keys.interval", Check: settings.CheckKeyInterval},
			}})
			if err != nil {
				return err
			}
			return server.Serve(cmd.Context(), c, server.NewLogger(c, cmd.ErrOrStderr()), buildVersion())
		},
	}
	settings.AddFlags(cmd)
	return cmd
}

// healthcheckTime is how long the server has to answer; its own checks take three seconds at most.
const healthcheckTime = 5 * time.Second

func newHealthcheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Check that the server on this machine is ready; for containers without curl",
		Long: `Request GET /readyz of the "lingpai serve" that runs on this machine with the same configuration. If
it is ready, nothing is printed; otherwise the exit status is 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := settings.Load(cmd.Flags(), settings.LoadOptions{})
			if err != nil {
				return err
			}
			return checkReadiness(cmd.Context(), readyURL(c))
		},
	}
	settings.AddFlags(cmd)
	return cmd
}

// readyURL returns the URL of GET /readyz as seen from the server's own machine.
func readyURL(c settings.Settings) string {
	host, port, _ := net.SplitHostPort(c.Addr) // settings.Load checked it
	if address, err := netip.ParseAddr(host); host == "" || err == nil && address.IsUnspecified() {
		host = "localhost"
	}
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		issuer = &url.URL{}
	}
	return "http://" + net.JoinHostPort(host, port) + issuer.Path + "/readyz"
}

func checkReadiness(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{}} // unlike the default one, it uses no proxy
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no server answers: %w; start lingpai serve, or set server.addr (LINGPAI_SERVER_ADDR) "+
			"to its address", err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("the server is not ready: %s %s", response.Status, failedChecks(response.Body))
}

// failedChecks returns the names of the checks that failed, as the server reports them.
func failedChecks(body io.Reader) string {
	var answer struct {
		Checks []struct {
			Name string
			OK   bool
		}
	}
	_ = json.NewDecoder(io.LimitReader(body, 64<<10)).Decode(&answer) // another program may have answered
	var failed []string
	for _, check := range answer.Checks {
		if !check.OK {
			failed = append(failed, check.Name)
		}
	}
	return strings.Join(failed, ", ")
}
