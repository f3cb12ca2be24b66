// Package gateways tests programs that check Lingpai's tokens with other software: the gateways in deploy/gateways
// and the APIs in docs/examples/resource-servers.
package gateways
