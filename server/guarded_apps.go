package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server/settings"
)

// GuardApps makes sure that real AppSecrets are sent only to their platform. AppSecrets of simulated apps begin with
// a prefix that real ones, which are 32 hexadecimal digits, do not have. Find returns an error that wraps
// identity.ErrUnusable for a real AppSecret if the platform is a simulator.
func GuardApps(apps identity.Apps, s settings.Settings) identity.Apps { return guardedApps{apps, s} }

type guardedApps struct {
	identity.Apps
	settings settings.Settings
}

// Find implements identity.Apps.
func (a guardedApps) Find(ctx context.Context, platform, id string) (identity.App, error) {
	app, err := a.Apps.Find(ctx, platform, id)
	if secret := app.Secret.Reveal(); err == nil && a.settings.IsSimulated(platform) && secret != "" &&
		!strings.HasPrefix(secret, clients.SimulatorSecretPrefix) {
		return identity.App{}, fmt.Errorf(
			"%w: the AppSecret of %s does not begin with %q, and base_url is not the platform's, so it "+
				"is not sent there",
			identity.ErrUnusable, id, clients.SimulatorSecretPrefix)
	}
	return app, err
}
