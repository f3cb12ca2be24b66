// Package backchannel tells clients that their sessions have ended (OpenID Connect Back-Channel Logout 1.0).
package backchannel
