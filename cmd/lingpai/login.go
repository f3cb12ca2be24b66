package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/spf13/cobra"
	"golang.org/x/oauth2"

	"github.com/lingpai/lingpai/server/settings"
)

// login is what a user signs in to.
type login struct {
	issuer, clientID string
	scopes           []string
}

func newLoginCommand() *cobra.Command {
	var l login
	cmd := addOutputFlag(&cobra.Command{
		Use:   "login",
		Short: "Sign in as a user with a code in a browser, and print the tokens",
		Long: `Sign a user in at an OpenID Connect issuer with the device authorization grant (RFC 8628), and print the
tokens. The command prints an address and a code on standard error. Open the address in any browser, also on another
device, and enter the code. The command waits until somebody has allowed or refused it, or the code has expired.

The client must have the grant urn:ietf:params:oauth:grant-type:device_code and be public. Nothing is stored.`,
		Example: "  lingpai login --issuer https://login.example.com --client-id shop-cli --scope openid\n" +
			"  lingpai login --issuer https://login.example.com --client-id shop-cli --output json > tokens.json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd); err != nil {
				return err
			}
			return l.run(cmd)
		},
	}, formatText)
	cmd.Flags().StringVar(&l.issuer, "issuer", "", "the issuer's URL (required)")
	cmd.Flags().StringVar(&l.clientID, "client-id", "", "the client to sign in to (required)")
	cmd.Flags().StringArrayVar(&l.scopes, "scope", nil, "scope to ask for (repeatable; default: the client's own)")
	return cmd
}

// loginTimeout is how long the issuer has to answer a request.
const loginTimeout = 30 * time.Second

func (l login) run(cmd *cobra.Command) error {
	if l.issuer == "" || l.clientID == "" {
		return errors.New("--issuer and --client-id are required")
	}
	if u, err := url.Parse(l.issuer); err != nil || u.Scheme != "https" && !settings.IsLoopback(u.Hostname()) {
		return fmt.Errorf("--issuer: %q must be an https URL; http is for this machine", l.issuer)
	}
	ctx := oidc.ClientContext(cmd.Context(), &http.Client{Timeout: loginTimeout,
		Transport: loginTransport{rand.Text()}})
	provider, err := oidc.NewProvider(ctx, l.issuer)
	if err != nil {
		return err
	}
	config := oauth2.Config{ClientID: l.clientID, Scopes: l.scopes, Endpoint: provider.Endpoint()}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if config.Endpoint.DeviceAuthURL == "" {
		return fmt.Errorf("%s does not offer the device authorization grant", l.issuer)
	}
	device, err := config.DeviceAuth(ctx)
	if err != nil {
		return loginFailed(err)
	}
	cmd.PrintErrf("Open %s and enter the code %s\n", device.VerificationURI, device.UserCode)
	if device.VerificationURIComplete != "" {
		cmd.PrintErrf("or open %s and check the code.\n", device.VerificationURIComplete)
	}
	cmd.PrintErrf("Waiting until %s. Press Ctrl-C to stop.\n", device.Expiry.Local().Format(time.TimeOnly))
	token, err := wait(ctx, cmd, config, device)
	if err != nil {
		return loginFailed(err)
	}
	return printTokens(cmd, token)
}

// wait polls until the user has decided. A request whose answer was lost is repeated with the same Idempotency-Key, so
// that no session is lost with it.
func wait(ctx context.Context, cmd *cobra.Command, config oauth2.Config,
	device *oauth2.DeviceAuthResponse) (*oauth2.Token, error) {
	for {
		token, err := config.DeviceAccessToken(ctx, device)
		if _, network := errors.AsType[*url.Error](err); !network || ctx.Err() != nil {
			return token, err
		}
		if time.Now().After(device.Expiry) {
			return nil, context.DeadlineExceeded
		}
		cmd.PrintErrf("%v; trying again\n", err)
	}
}

// loginFailed returns an error as a user should read it.
func loginFailed(err error) error {
	refused, ok := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted: nobody was signed in")
	case errors.Is(err, context.DeadlineExceeded), ok && refused.ErrorCode == "expired_token":
		return errors.New("the code has expired: run the command again")
	case ok && refused.ErrorCode == "access_denied":
		return errors.New("the sign-in was refused in the browser")
	case ok && refused.ErrorCode != "":
		return fmt.Errorf("the issuer answers %s: %s", refused.ErrorCode, refused.ErrorDescription)
	}
	return err
}

// printTokens prints the members of a token response that programs use.
func printTokens(cmd *cobra.Command, token *oauth2.Token) error {
	result := members{"access_token": token.AccessToken, "token_type": token.Type(),
		"expires_at": moment(token.Expiry)}
	for name, value := range map[string]string{"refresh_token": token.RefreshToken, "scope": text(token, "scope"),
		"id_token": text(token, "id_token")} {
		if value != "" {
			result[name] = value
		}
	}
	for _, name := range []string{"access_token", "expires_at", "scope", "refresh_token", "id_token"} {
		if value := result[name]; value != nil {
			say(cmd, "%-13s  %s\n", name, value)
		}
	}
	return printResult(cmd, result)
}

func text(token *oauth2.Token, name string) string {
	value, _ := token.Extra(name).(string)
	return value
}

// loginTransport sets the headers of all requests of one login.
type loginTransport struct{ key string }

// RoundTrip implements http.RoundTripper.
func (t loginTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "lingpai/"+strings.Trim(buildVersion(), "()")+" ("+runtime.GOOS+")")
	if r.Method == http.MethodPost {
		r.Header.Set("Idempotency-Key", t.key)
	}
	return http.DefaultTransport.RoundTrip(r)
}
