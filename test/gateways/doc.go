// Package gateways tests those that check the tokens of Lingpai with other people's code: the gateways of
// deploy/gateways and the APIs of docs/examples/resource-servers.
package gateways
