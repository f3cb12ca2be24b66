package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server/settings"
)

// GuardApps keeps real AppSecrets from anything but their platform. What may go to a simulator begins with
// its prefix, which no real one has: those are 32 hexadecimal digits.
func GuardApps(apps identity.Apps, s settings.Settings) identity.Apps { return guardedApps{apps, s} }

type guardedApps struct {
	identity.Apps
	settings settings.Settings
}

// Find implements identity.Apps.
func (a guardedApps) Find(ctx context.Context, platform, id string) (identity.App, error) {
	app, err := a.Apps.Find(ctx, platform, id)
	if secret := app.Secret.Reveal(); err == nil && a.settings.Simulates(platform) && secret != "" &&
		!strings.HasPrefix(secret, clients.SimulatorSecretPrefix) {
		return identity.App{}, fmt.Errorf(
			"%w: the AppSecret of %s does not begin with %q, and its platform is not at its base_url: it "+
				"is not sent there",
			identity.ErrUnusable, id, clients.SimulatorSecretPrefix)
	}
	return app, err
}
