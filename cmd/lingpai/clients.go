package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func newClientsCommand() *cobra.Command {
	return group("clients", "Programs that may ask for tokens", createClientCommand(), listClientsCommand(),
		showClientCommand(),
		rotateClientSecretCommand(), disableClientCommand())
}

func createClientCommand() *cobra.Command {
	client := identity.Client{}
	var public bool
	cmd := admin(&cobra.Command{
		Use:   "create [CLIENT_ID]",
		Short: "Register a client; the secret of a confidential one is printed once",
		Long: `Register a client. A mini-program or a page is --public: it can keep no secret. A back end is
confidential: its secret is made here, printed once, and kept as a hash. Without CLIENT_ID one is made.`,
		Example: `  lingpai clients create shop-mini-program --public --grant wechat_code --grant refresh_token \
      --app wx0123456789abcdef --audience https://api.example.com --scope openid --scope profile
  lingpai clients create shop-backend --first-party --grant password --grant refresh_token` +
			" --audience https://api.example.com",
		Args: cobra.MaximumNArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		client.Confidential = !public
		client.ID = identity.NewClientID()
		if len(args) == 1 {
			client.ID = args[0]
		}
		return createClient(ctx, cmd, database, client)
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

func createClient(ctx context.Context, cmd *cobra.Command, database *sql.DB, client identity.Client) error {
	apps, err := database.Apps().List(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(clientFaults(client, apps)...); err != nil {
		return err
	}
	secret := ""
	if client.Confidential {
		secret = identity.NewClientSecret()
		client.SecretHash = identity.HashSecret(secret)
	}
	if err := database.Clients().Create(ctx, client); err != nil {
		if errors.Is(err, identity.ErrExists) {
			return fmt.Errorf("the id %q is taken, now or in the past; see: lingpai clients show %s",
				client.ID, client.ID)
		}
		return err
	}
	cmd.Printf("client_id      %s\n", client.ID)
	if secret != "" {
		cmd.Printf("client_secret  %s\n(shown this once; it is kept as a hash)\n", secret)
	}
	return warnSharedApps(ctx, cmd, database, client)
}

// warnSharedApps tells when public clients of one app differ: whoever has a code of the app can choose among
// them, so they are one security domain.
func warnSharedApps(ctx context.Context, cmd *cobra.Command, database *sql.DB, client identity.Client) error {
	if client.Confidential {
		return nil
	}
	others, err := database.Clients().List(ctx)
	if err != nil {
		return err
	}
	for _, other := range others {
		shares := slices.ContainsFunc(other.Apps, func(app string) bool { return slices.Contains(client.Apps, app) })
		if other.ID != client.ID && !other.Confidential && !other.Disabled() && shares && !sameRights(other, client) {
			cmd.PrintErrf("warning: %s is a public client of the same app with other grants, scopes, "+
				"audiences, lives or claims; whoever has a code of the app can use either\n", other.ID)
		}
	}
	return nil
}
