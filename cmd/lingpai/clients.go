package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
)

func newClientsCommand() *cobra.Command {
	return group("clients", "Programs that may ask for tokens", createClientCommand(), listClientsCommand(),
		showClientCommand(),
		rotateClientSecretCommand(), disableClientCommand())
}

func createClientCommand() *cobra.Command {
	client := identity.Client{}
	var public bool
	cmd := operate(&cobra.Command{
		Use:   "create [CLIENT_ID]",
		Short: "Register a client; the secret of a confidential one is printed once",
		Long: `Register a client. A mini-program or a page is --public: it can keep no secret. A back end is
confidential: its secret is made here, printed once, and kept as a hash. Without CLIENT_ID one is made.`,
		Example: `  lingpai clients create shop-mini-program --public --grant wechat_code --grant refresh_token \
      --app wx0123456789abcdef --audience https://api.example.com --scope openid --scope profile
  lingpai clients create shop-backend --first-party --grant password --grant refresh_token --audience ` +
			`https://api.example.com`,
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		client.Confidential = !public
		client.ID = identity.NewClientID()
		if len(args) == 1 {
			client.ID = args[0]
		}
		return createClient(ctx, cmd, o, client)
	})
	flags := cmd.Flags()
	flags.StringVar(&client.Name, "name", "", "what people call the client")
	flags.BoolVar(&public, "public", false,
		"the client runs where it can keep no secret: a mini-program, a page, an app")
	flags.BoolVar(&client.FirstParty, "first-party", false,
		"the client is ours; only such may be allowed the grant password")
	flags.StringArrayVar(&client.Grants, "grant", nil,
		"grant that it may use: wechat_code, qq_code, password, refresh_token, client_credentials (repeatable)")
	flags.StringArrayVar(&client.Scopes, "scope", nil, "scope that it may ask for (repeatable)")
	flags.StringArrayVar(&client.DefaultScopes, "default-scope", nil,
		"scope that it gets when it asks for none (repeatable)")
	flags.StringArrayVar(&client.Audience, "audience", nil,
		"\"aud\" of its access tokens: the API they are for (repeatable, required)")
	flags.StringArrayVar(&client.Apps, "app", nil, "AppID whose codes it may trade (repeatable)")
	flags.StringArrayVar(&client.Origins, "origin", nil,
		"web origin whose scripts may call the endpoints, such as https://shop.example.com (repeatable)")
	flags.BoolVar(&client.WechatClaims, "wechat-claims", false, "put appid, openid and unionid into its access tokens")
	flags.DurationVar(&client.AccessTTL, "access-ttl", 0, "life of its access tokens; 0: token.access_ttl")
	flags.DurationVar(&client.IdleTTL, "idle-ttl", 0, "a session ends when not refreshed for so long; 0: session.idle")
	flags.DurationVar(&client.AbsoluteTTL, "absolute-ttl", 0, "a session ends in any case; 0: session.absolute")
	return cmd
}

func createClient(ctx context.Context, cmd *cobra.Command, o operation, client identity.Client) error {
	secret, err := o.clients().Create(ctx, o.actor, client)
	if err != nil {
		return err
	}
	cmd.Printf("client_id      %s\n", client.ID)
	if secret != "" {
		cmd.Printf("client_secret  %s\n(shown this once; it is kept as a hash)\n", secret.Reveal())
	}
	differing, err := o.clients().DifferingPublic(ctx, o.actor, client)
	for _, other := range differing {
		cmd.PrintErrf("warning: %s is a public client of the same app with other grants, scopes, "+
			"audiences, lives or claims; whoever has a code of the app can use either\n", other.ID)
	}
	return err
}

func listClientsCommand() *cobra.Command {
	return addOutputFlag(operate(&cobra.Command{Use: "list", Short: "List all clients", Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			clients, err := o.clients().List(ctx, o.actor)
			if err != nil {
				return err
			}
			return printRows(cmd, views(clients, admin.ViewClient), []string{"CLIENT_ID", "TYPE", "GRANTS",
				"APPS", "NAME",
				"DISABLED"}, func(c admin.ClientView) []string {
				return []string{c.ID, c.Type, strings.Join(c.Grants, " "), terminal.OrDash(strings.Join(c.Apps, " ")),
					terminal.OrDash(c.Name), terminal.OrDash(c.DisabledAt)}
			})
		}))
}

func showClientCommand() *cobra.Command {
	return operate(&cobra.Command{Use: "show CLIENT_ID", Short: "Show all of a client's record but its secret",
		Args: cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			client, err := o.clients().Find(ctx, o.actor, args[0])
			if err != nil {
				return err
			}
			return printJSON(cmd, admin.ViewClient(client))
		})
}

func rotateClientSecretCommand() *cobra.Command {
	return operate(&cobra.Command{Use: "rotate-secret CLIENT_ID",
		Short: "Make a new secret for a confidential client; the old one stops working", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			secret, err := o.clients().RotateSecret(ctx, o.actor, args[0])
			if err != nil {
				return err
			}
			cmd.Printf("client_secret  %s\n(shown this once; within %s running servers take it, and no "+
				"longer the old one)\n", secret.Reveal(), server.RecordAge)
			return nil
		})
}

func disableClientCommand() *cobra.Command {
	return operate(&cobra.Command{Use: "disable CLIENT_ID",
		Short: "Refuse a client for good; its access tokens live on until they expire, and nobody else gets its id",
		Args:  cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
			if err := o.clients().Disable(ctx, o.actor, args[0]); err != nil {
				return err
			}
			cmd.Printf("disabled %s for good; running servers refuse it within %s\n", args[0], server.RecordAge)
			return nil
		})
}
