// Package clients authenticates OAuth clients and checks their records, grants, scopes, apps and origins.
package clients
