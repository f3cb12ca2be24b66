package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func listClientsCommand() *cobra.Command {
	return addOutputFlag(admin(&cobra.Command{Use: "list", Short: "List all clients", Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, _ []string) error {
			clients, err := database.Clients().List(ctx)
			if err != nil {
				return err
			}
			return printRows(cmd, shownClients(clients), []string{"CLIENT_ID", "TYPE", "GRANTS", "APPS", "NAME",
				"DISABLED"}, func(c shownClient) []string {
				return []string{c.ID, c.Type, strings.Join(c.Grants, " "), orDash(strings.Join(c.Apps, " ")),
					orDash(c.Name), orDash(c.DisabledAt)}
			})
		}))
}

func showClientCommand() *cobra.Command {
	return admin(&cobra.Command{Use: "show CLIENT_ID", Short: "Show all of a client's record but its secret",
		Args: cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
			client, err := database.Clients().Find(ctx, args[0])
			if err != nil {
				return unknown(err, "client", args[0])
			}
			return printJSON(cmd, shownClients([]identity.Client{client})[0])
		})
}

func rotateClientSecretCommand() *cobra.Command {
	return admin(&cobra.Command{Use: "rotate-secret CLIENT_ID",
		Short: "Make a new secret for a confidential client; the old one stops working", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
			client, err := database.Clients().Find(ctx, args[0])
			if err != nil {
				return unknown(err, "client", args[0])
			}
			switch {
			case !client.Confidential:
				return fmt.Errorf("%s is a public client: it has no secret", client.ID)
			case client.Disabled():
				return fmt.Errorf("%s is disabled since %s, with whatever secret", client.ID, moment(client.DisabledAt))
			}
			secret := identity.NewClientSecret()
			if err := database.Clients().SetSecret(ctx, client.ID, identity.HashSecret(secret)); err != nil {
				return err
			}
			cmd.Printf("client_secret  %s\n(shown this once; within %s running servers take it, and no "+
				"longer the old one)\n", secret, clientAge)
			return nil
		})
}

func disableClientCommand() *cobra.Command {
	return admin(&cobra.Command{Use: "disable CLIENT_ID",
		Short: "Refuse a client for good; its access tokens live on until they expire, and nobody else gets its id",
		Args:  cobra.ExactArgs(1)},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
			if err := database.Clients().Disable(ctx, args[0]); err != nil {
				return unknown(err, "client", args[0])
			}
			cmd.Printf("disabled %s for good; running servers refuse it within %s\n", args[0], clientAge)
			return nil
		})
}

// shownClient is what an operator is shown of a client.
type shownClient struct {
	ID            string   `json:"client_id"`
	Name          string   `json:"name,omitempty"`
	Type          string   `json:"type"`
	FirstParty    bool     `json:"first_party"`
	Grants        []string `json:"grants"`
	Scopes        []string `json:"scopes"`
	DefaultScopes []string `json:"default_scopes"`
	Audience      []string `json:"audience"`
	Apps          []string `json:"apps"`
	Origins       []string `json:"origins"`
	WechatClaims  bool     `json:"wechat_claims"`
	AccessTTL     string   `json:"access_ttl,omitempty"`
	IdleTTL       string   `json:"idle_ttl,omitempty"`
	AbsoluteTTL   string   `json:"absolute_ttl,omitempty"`
	CreatedAt     string   `json:"created_at"`
	DisabledAt    string   `json:"disabled_at,omitempty"`
}

func shownClients(clients []identity.Client) []shownClient {
	shown := make([]shownClient, len(clients))
	for n, c := range clients {
		shown[n] = shownClient{
			ID: c.ID, Name: c.Name, Type: clientType(c), FirstParty: c.FirstParty, Grants: c.Grants, Scopes: c.Scopes,
			DefaultScopes: c.DefaultScopes, Audience: c.Audience, Apps: c.Apps, Origins: c.Origins,
			WechatClaims: c.WechatClaims,
			AccessTTL:    optionalDuration(c.AccessTTL), IdleTTL: optionalDuration(c.IdleTTL),
			AbsoluteTTL: optionalDuration(c.AbsoluteTTL),
			CreatedAt:   moment(c.CreatedAt), DisabledAt: moment(c.DisabledAt),
		}
	}
	return shown
}

func clientType(c identity.Client) string {
	if c.Confidential {
		return "confidential"
	}
	return "public"
}

func optionalDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
