package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server/settings"
)

func (d *doctor) checkClients(ctx context.Context) {
	clients, err := within(ctx, d.database.Clients().List)
	apps, err2 := within(ctx, d.database.Apps().List)
	if err := errors.Join(err, err2); err != nil {
		d.report.fault("cannot be listed: "+d.report.words(err), checkDatabaseURL)
		return
	}
	clients = slices.DeleteFunc(clients, identity.Client.Disabled)
	if len(clients) == 0 {
		d.report.warning("none that is enabled: nobody can ask for tokens",
			"make one; examples are in: lingpai clients create --help")
		return
	}
	before := len(d.report.findings)
	closed := d.closedApps(ctx, apps)
	for _, client := range clients {
		d.checkClient(client, apps)
		d.checkScopes(client, closed)
	}
	d.checkSharedApps(clients, apps)
	if len(d.report.findings) == before {
		d.report.ok(plural(len(clients), "enabled client") + ": nothing wrong")
	}
}

// instead is how a record is changed that cannot be.
func instead(id string) string {
	return "make another client with lingpai clients create --help, let the program use that one, and " +
		"then: lingpai clients disable " + id
}

func (d *doctor) checkClient(client identity.Client, apps []identity.App) {
	for _, fault := range clientFaults(client, apps) {
		found, advice, ok := strings.Cut(fault.Error(), "; add it with: ")
		if !ok {
			advice = instead(client.ID)
		}
		d.report.fault(client.ID+": "+found, advice)
	}
	if client.Confidential && len(client.SecretHash) == 0 {
		d.report.fault(client.ID+": it is confidential and has no secret, so it cannot prove who it is",
			"lingpai clients rotate-secret "+client.ID)
	}
	if !client.Confidential && client.Allows(oauth.GrantPassword) {
		d.report.warning(client.ID+": it is public and may use passwords, so any program can try passwords "+
			"in its name", instead(client.ID))
	}
	if most := d.config.AccessTTLBound(); client.AccessTTL > most && !d.faulty("keys.retire") {
		d.report.warning(fmt.Sprintf("%s: its access tokens live %s and not %s, since keys are published "+
			"for keys.retire=%s after they signed", client.ID,
			short(most), short(client.AccessTTL), short(d.config.KeyRetire)),
			fmt.Sprintf("set keys.retire to %s or more", short(client.AccessTTL+settings.RotationDelay)))
	}
	if longer := d.longerLives(client); len(longer) > 0 {
		d.report.warning(client.ID+": its own record gives longer lives than the server's settings: "+
			strings.Join(longer, ", "),
			"nothing, if that is meant; else "+instead(client.ID))
	}
}

// longerLives tells where a client's record outlives the settings, which one forgets when those are lowered.
func (d *doctor) longerLives(client identity.Client) []string {
	var longer []string
	for _, life := range []struct {
		key         string
		own, server time.Duration
	}{
		{"token.access_ttl", client.AccessTTL, d.config.AccessTTL},
		{"session.idle", client.IdleTTL, d.config.SessionIdle},
		{"session.absolute", client.AbsoluteTTL, d.config.SessionAbsolute},
	} {
		if !d.faulty(life.key) && life.own > life.server {
			longer = append(longer, fmt.Sprintf("%s instead of %s=%s", short(life.own), life.key, short(life.server)))
		}
	}
	return longer
}

// checkSharedApps looks for public clients of one app that differ: whoever has a code of the app can choose among them.
func (d *doctor) checkSharedApps(clients []identity.Client, apps []identity.App) {
	for _, app := range apps {
		var ids []string
		differ := false
		var first identity.Client
		for _, client := range clients {
			if client.Confidential || !slices.Contains(client.Apps, app.ID) {
				continue
			}
			if len(ids) == 0 {
				first = client
			}
			ids = append(ids, client.ID)
			differ = differ || !sameRights(first, client)
		}
		if differ {
			d.report.warning(fmt.Sprintf(
				"%s: public clients of app %s with different grants, scopes, audiences, lives or claims; "+
					"whoever has a code of the app can use any of them",
				strings.Join(ids, ", "), app.ID),
				"compare them with lingpai clients show, and disable those that are not needed: lingpai "+
					"clients disable "+ids[len(ids)-1])
		}
	}
}
