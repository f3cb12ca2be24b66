package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
)

func newClientsCommand() *cobra.Command {
	return group("clients", "Manage OAuth clients", createClientCommand(), listClientsCommand(),
		showClientCommand(), updateClientCommand(), rotateClientSecretCommand(), deleteClientSecretCommand(),
		setRefreshKeysCommand(), setLegacyAudienceCommand(), disableClientCommand())
}

func createClientCommand() *cobra.Command {
	client := identity.Client{}
	var public bool
	cmd := operate(&cobra.Command{
		Use: "create [CLIENT_ID]", SuggestFor: []string{"add", "new"},
		Short: "Register a client; the secret of a confidential client is printed once",
		Long: `Register a client. A mini-program or a web page is --public, since it cannot keep a secret. A back
end or the server of a web site is confidential: a secret is generated and printed once, and only its hash is
stored. Without CLIENT_ID, an id is generated. Access tokens are for the APIs that --audience names, or, with the
parameter resource, for this server. An API needs a client of its own only to introspect tokens: --is-audience names
the API's audience.`,
		Example: `  lingpai clients create shop-mini-program --public --grant wechat_code --grant refresh_token \
      --app wx0123456789abcdef --audience https://api.example.com --scope openid --scope profile
  lingpai clients create shop-web --grant authorization_code --grant refresh_token \
      --redirect-uri https://shop.example.com/callback --scope openid --scope profile
  lingpai clients create shop-backend --first-party --grant password --grant refresh_token --audience ` +
			`https://api.example.com
  lingpai clients create shop-api --grant client_credentials --is-audience https://api.example.com`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		client.Confidential = !public
		client.ID = identity.NewClientID()
		if len(args) == 1 {
			client.ID = args[0]
		}
		if !cmd.Flags().Changed("refresh-keys") {
			var err error
			if client.RefreshKeys, err = o.clients().UsesSDK(ctx, o.actor, client); err != nil {
				return err
			}
		}
		return createClient(ctx, cmd, o, client)
	})
	addClientFlags(cmd, &client)
	cmd.Flags().BoolVar(&public, "public", false,
		"the client cannot keep a secret: a mini-program, a web page or a mobile app")
	return cmd
}

func createClient(ctx context.Context, cmd *cobra.Command, o operation, client identity.Client) error {
	secret, err := o.clients().Create(ctx, o.actor, client)
	if err != nil {
		return err
	}
	result := members{"client_id": client.ID, "refresh_keys": client.RefreshKeys}
	say(cmd, "client_id      %s\n", client.ID)
	if secret != "" {
		result["client_secret"] = secret.Reveal()
		say(cmd, "client_secret  %s\n(shown only once; only its hash is stored)\n", secret.Reveal())
	}
	if client.RefreshKeys {
		say(cmd, "refresh_keys   on (for a program that does not use the SDK and sends no Idempotency-Key: lingpai "+
			"clients set-refresh-keys %s off)\n", client.ID)
	}
	if err := printResult(cmd, result); err != nil {
		return err
	}
	return warnOfClient(ctx, cmd, o, client)
}

// warnOfClient prints what is valid in a client's record, but most likely a mistake.
func warnOfClient(ctx context.Context, cmd *cobra.Command, o operation, client identity.Client) error {
	if found := clients.DubiousRedirects(client); found != "" {
		cmd.PrintErrf("warning: %s: %s\n", client.ID, found)
	}
	differing, err := o.clients().DifferingPublic(ctx, o.actor, client)
	for _, other := range differing {
		cmd.PrintErrf("warning: %s is a public client of the same app with other grants, scopes, audiences, "+
			"lifetimes or claims; anyone who has a code of the app can use either client\n", other.ID)
	}
	return err
}

func listClientsCommand() *cobra.Command {
	return operate(asTable(&cobra.Command{Use: "list", SuggestFor: []string{"ls"}, Short: "List clients",
		Args: cobra.NoArgs}),
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			records, err := o.clients().List(ctx, o.actor)
			if err != nil {
				return err
			}
			return printRows(cmd, views(records, admin.ViewClient), []string{"CLIENT_ID", "TYPE", "GRANTS",
				"APPS", "REDIRECT URIS", "REFRESH KEYS", "NAME", "DISABLED"}, func(c admin.ClientView) []string {
				return []string{c.ID, c.Type, strings.Join(c.Grants, " "), terminal.OrDash(strings.Join(c.Apps, " ")),
					terminal.OrDash(strings.Join(c.RedirectURIs, " ")), onOff(c.RefreshKeys), terminal.OrDash(c.Name),
					terminal.OrDash(c.DisabledAt)}
			})
		})
}

func showClientCommand() *cobra.Command {
	return completeArguments(operate(asJSON(&cobra.Command{Use: "show CLIENT_ID",
		Short: "Show a client's record, without its secret", Args: cobra.ExactArgs(1)}),
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			client, err := o.clients().Find(ctx, o.actor, args[0])
			if err != nil {
				return err
			}
			return printJSON(cmd, admin.ViewClient(client))
		}), 1, clientCandidates)
}

func rotateClientSecretCommand() *cobra.Command {
	var keep time.Duration
	cmd := operate(&cobra.Command{Use: "rotate-secret CLIENT_ID",
		Short: "Generate a new secret for a confidential client; the old one stops working",
		Long: `Generate a new secret for a confidential client. The old one stops working, or, with --keep-old, works
for a while longer, until all servers of the client have the new one. A secret from before that stops working.`,
		Example: "  lingpai clients rotate-secret shop-web --keep-old 24h",
		Args:    cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			secret, err := o.clients().RotateSecret(ctx, o.actor, args[0], keep)
			if err != nil {
				return err
			}
			old := "and reject the old one,"
			if keep > 0 {
				old = "and the old one for " + keep.String() + ","
			}
			say(cmd, "client_secret  %s\n(shown only once; running servers accept it, %s within %s)\n",
				secret.Reveal(), old, server.RecordAge)
			return printResult(cmd, members{"client_id": args[0], "client_secret": secret.Reveal()})
		})
	cmd.Flags().DurationVar(&keep, "keep-old", 0, "how long the old secret works, too, up to 720h")
	return completeArguments(cmd, 1, clientCandidates)
}

func deleteClientSecretCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: "delete-secret CLIENT_ID",
		Short: "Delete the secrets of a client that has keys, and authenticates with these only from then on",
		Args:  cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			if err := o.clients().DeleteSecret(ctx, o.actor, args[0]); err != nil {
				return err
			}
			say(cmd, "deleted the secrets of %s; running servers reject them within %s\n", args[0], server.RecordAge)
			return printResult(cmd, members{"client_id": args[0], "has_secret": false})
		}), 1, clientCandidates)
}

func setRefreshKeysCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: "set-refresh-keys CLIENT_ID on|off",
		Short: "Set whether every refresh of a client has an Idempotency-Key",
		Long: `Set whether every refresh of a client has an Idempotency-Key: a random one that is made with each
refresh token and repeated only with it, as the SDK for mini-programs does. Then a stolen refresh token that both
sides use ends its session even if they use it at nearly the same time. Turn it on when all installations send such
keys: a retry with another key, or without its key, ends the session.`,
		Args: cobra.ExactArgs(2)},
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			if args[1] != "on" && args[1] != "off" {
				return fmt.Errorf("%q is neither on nor off; usage: %s", args[1], cmd.UseLine())
			}
			on := args[1] == "on"
			if err := o.clients().SetRefreshKeys(ctx, o.actor, args[0], on); err != nil {
				return err
			}
			say(cmd, "refresh keys of %s are %s; running servers use it within %s\n", args[0], args[1],
				server.RecordAge)
			return printResult(cmd, members{"client_id": args[0], "refresh_keys": on})
		}), 1, clientCandidates)
}

func setLegacyAudienceCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: "set-legacy-audience CLIENT_ID DATE|off",
		Short: "Set until when a client's tokens are for its APIs and for this server at once",
		Long: `Set until when one token of a client is for its APIs and for this server at once. Old versions of a
program, such as a mini-program, need that if they call both, since they do not send the parameter resource (RFC 8707).
Until then, an API that receives such a token can use it here, too: turn it off when the client's metric
lingpai_legacy_audience_total no longer grows. DATE is the last day in UTC, such as 2027-03-31, at most a year away.`,
		Example: `  lingpai clients set-legacy-audience shop-mini-program 2027-03-31`,
		Args:    cobra.ExactArgs(2)},
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			until := time.Time{}
			if args[1] != "off" {
				day, err := time.Parse(time.DateOnly, args[1])
				if err != nil {
					return fmt.Errorf("%q is neither off nor a day such as 2027-03-31; usage: %s", args[1],
						cmd.UseLine())
				}
				until = day.AddDate(0, 0, 1)
			}
			if err := o.clients().SetLegacyAudience(ctx, o.actor, args[0], until, time.Now()); err != nil {
				return err
			}
			say(cmd, "legacy audience of %s: %s; running servers use it within %s\n", args[0], args[1],
				server.RecordAge)
			return printResult(cmd, members{"client_id": args[0], "legacy_audience": args[1]})
		}), 1, clientCandidates)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func disableClientCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{Use: "disable CLIENT_ID",
		SuggestFor: []string{"delete", "remove", "rm"},
		Short:      "Disable a client permanently; its access tokens stay valid until they expire",
		Long: `Disable a client permanently. Its access tokens stay valid until they expire, and its id is never
reused.`,
		Args: cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			if err := o.clients().Disable(ctx, o.actor, args[0]); err != nil {
				return err
			}
			say(cmd, "disabled %s permanently; running servers reject it within %s\n", args[0], server.RecordAge)
			return printResult(cmd, members{"client_id": args[0], "disabled": true})
		}), 1, clientCandidates)
}
