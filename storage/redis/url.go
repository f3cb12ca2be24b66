package redis

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/redis/go-redis/v9"
)

// urlForms is part of every error about a URL. The URL is not, since it may contain a password.
const urlForms = "it is redis://[user:password@]host:port[/db], or rediss:// for TLS, or " +
	"unix:///path/to/socket[?db=N]; " +
	"for a Cluster without db, and with ?addr=host:port for each further node; " +
	"for Sentinels with ?master_name=NAME, &addr=host:port for each further Sentinel, and " +
	"&username=&password= of the servers behind them " +
	"(those before the @ are the Sentinels'); with &skip_verify=true for one server or Sentinels whose " +
	"certificates are not to be checked. " +
	"In a user, a password or a parameter, write every character other than letters and digits as %XX"

// CheckURL returns an error if a URL of Redis is invalid. The error does not repeat any of the URL.
func CheckURL(url string) error {
	_, err := parse(url)
	return err
}

// parse parses a URL as go-redis does, but rejects the parameters that tune the client, since the store sets those.
func parse(text string) (*redis.UniversalOptions, error) {
	address, err := url.Parse(text)
	if err != nil {
		return nil, urlError("it is not a URL")
	}
	query, err := url.ParseQuery(address.RawQuery)
	switch {
	case err != nil:
		return nil, urlError("its parameters cannot be read")
	case !slices.Contains([]string{"redis", "rediss", "unix"}, address.Scheme):
		return nil, urlError("its scheme is not redis, rediss or unix")
	case address.Scheme != "unix" && address.Hostname() == "":
		return nil, urlError("it has no host")
	case address.Fragment != "":
		return nil, urlError("it has a #")
	}
	for name := range query {
		if !slices.Contains([]string{"addr", "master_name", "db", "username", "password", "skip_verify"}, name) {
			return nil, urlError("it has an unknown parameter")
		}
	}
	var options *redis.UniversalOptions
	switch {
	case query.Has("master_name"):
		options, err = parseSentinels(text)
	case query.Has("addr"):
		options, err = parseCluster(text)
	default:
		options, err = parseServer(text)
	}
	if err != nil || options.DB < 0 {
		return nil, urlError("its parts do not fit together, or one of them is not a number")
	}
	return options, nil
}

func parseServer(text string) (*redis.UniversalOptions, error) {
	server, err := redis.ParseURL(text)
	if err != nil {
		return nil, err
	}
	return &redis.UniversalOptions{
		Addrs: []string{server.Addr}, Username: server.Username, Password: server.Password, DB: server.DB,
		TLSConfig: server.TLSConfig,
	}, nil
}

func parseCluster(text string) (*redis.UniversalOptions, error) {
	if address, err := url.Parse(text); err != nil || address.Path != "" {
		return nil, errors.New("a Cluster has only one database")
	}
	cluster, err := redis.ParseClusterURL(text)
	if err != nil {
		return nil, err
	}
	return &redis.UniversalOptions{
		Addrs: cluster.Addrs, Username: cluster.Username, Password: cluster.Password, TLSConfig: cluster.TLSConfig,
	}, nil
}

func parseSentinels(text string) (*redis.UniversalOptions, error) {
	behind, err := redis.ParseFailoverURL(text)
	if err != nil {
		return nil, err
	}
	if behind.MasterName == "" {
		return nil, errors.New("the name of the master is missing")
	}
	return &redis.UniversalOptions{
		Addrs: behind.SentinelAddrs, MasterName: behind.MasterName, SentinelUsername: behind.SentinelUsername,
		SentinelPassword: behind.SentinelPassword,
		Username:         behind.Username, Password: behind.Password, DB: behind.DB, TLSConfig: behind.TLSConfig,
	}, nil
}

func urlError(why string) error {
	return fmt.Errorf("the URL of Redis is invalid: %s; %s", why, urlForms)
}
