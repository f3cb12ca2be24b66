// Package pgurl reads URLs of PostgreSQL as libpq does (PostgreSQL documentation, 34.1.1.2, "Connection URIs"): with
// several hosts, Unix sockets and parameters that override what precedes them. It refuses a URL that might reveal its
// password, or that leaves open if connections to other machines are protected by TLS.
//
// What libpq supports but pgx does not is refused: strings of keywords and values, and abstract sockets.
package pgurl

import (
	"errors"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrScheme means that a text is not a URL of PostgreSQL.
var ErrScheme = errors.New("it begins with postgres:// or postgresql://; strings such as \"host=… dbname=…\" are " +
	"not supported")

var (
	errDatabase    = errors.New("the URL does not name a database: add its name after a /, as in postgres://host/name")
	errRawPassword = errors.New("the URL has more than one @, or a #: in the password, write what is not a letter " +
		"or a digit as %XX, such as %40 for @ and %2F for /")
	errUnprotected = errors.New("the URL does not say how the connection is protected: add " +
		"sslmode=verify-full; use sslmode=disable only in private networks")
	errAbstract = errors.New("abstract sockets, whose host begins with @, are not supported: name the folder of a " +
		"Unix socket, as in postgres:///name?host=/run/postgresql")
	errDriver = errors.New("PostgreSQL's driver does not understand the URL, or cannot read a file that it names")
)

// Parse returns the configuration of a URL. Its error does not repeat any of the URL, as pgx's would.
func Parse(databaseURL string) (*pgx.ConnConfig, error) {
	scheme, rest, ok := strings.Cut(databaseURL, "://")
	if !ok || scheme != "postgres" && scheme != "postgresql" {
		return nil, ErrScheme
	}
	location, text, _ := strings.Cut(rest, "?")
	parameters, _ := url.ParseQuery(text) // pgx rejects what is wrong
	if misread(databaseURL, location, text, parameters) {
		return nil, errRawPassword
	}
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errDriver
	}
	if config.Database == "" {
		return nil, errDatabase
	}
	for _, host := range hosts(config) {
		switch {
		case strings.HasPrefix(host.Host, "@"):
			return nil, errAbstract
		case host.TLSConfig == nil && !onThisMachine(host) && !hasMode(parameters):
			return nil, errUnprotected // the driver would do without TLS if the server does not offer it
		}
	}
	return config, nil
}

// misread reports whether a part of the password probably became another part of the URL, which would be shown. The
// driver ends the password at the first @.
func misread(databaseURL, location, text string, parameters url.Values) bool {
	authority, path, hasPath := strings.Cut(location, "/")
	for name := range parameters {
		if strings.Contains(name, "@") {
			return true
		}
	}
	return strings.Count(authority, "@") > 1 || strings.Contains(path, "@") || strings.Contains(databaseURL, "#") ||
		!hasPath && strings.Contains(text, "@")
}

// hasMode reports whether the operator chose an sslmode.
func hasMode(parameters url.Values) bool {
	if modes := parameters["sslmode"]; len(modes) > 0 {
		return modes[len(modes)-1] != ""
	}
	return os.Getenv("PGSSLMODE") != ""
}

// hosts returns the ways to connect, in the order in which they are tried: with some values of sslmode, each host
// with and without TLS.
func hosts(c *pgx.ConnConfig) []*pgconn.FallbackConfig {
	first := &pgconn.FallbackConfig{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}
	return append([]*pgconn.FallbackConfig{first}, c.Fallbacks...)
}

// Addresses returns the address of each server, HOST:PORT or the path of a Unix socket.
func Addresses(c *pgx.ConnConfig) (addresses []string) {
	for _, host := range hosts(c) {
		_, address := pgconn.NetworkAddress(host.Host, host.Port)
		addresses = append(addresses, address)
	}
	return slices.Compact(addresses)
}

// Name describes a database for people, without the password.
func Name(c *pgx.ConnConfig) string {
	return "PostgreSQL at " + strings.Join(Addresses(c), ", ") + " (database " + c.Database + ")"
}

// Encrypted reports whether every connection to another machine is encrypted.
func Encrypted(c *pgx.ConnConfig) bool {
	return !slices.ContainsFunc(hosts(c), func(host *pgconn.FallbackConfig) bool {
		return host.TLSConfig == nil && !onThisMachine(host)
	})
}

// Verified reports whether the certificate of every other machine is verified, if the connection is encrypted.
func Verified(c *pgx.ConnConfig) bool {
	return !slices.ContainsFunc(hosts(c), func(host *pgconn.FallbackConfig) bool {
		return host.TLSConfig != nil && host.TLSConfig.InsecureSkipVerify &&
			host.TLSConfig.VerifyPeerCertificate == nil && !onThisMachine(host)
	})
}

func onThisMachine(host *pgconn.FallbackConfig) bool {
	network, _ := pgconn.NetworkAddress(host.Host, host.Port)
	address, err := netip.ParseAddr(host.Host)
	return network == "unix" || host.Host == "localhost" || err == nil && address.IsLoopback()
}
