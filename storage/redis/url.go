package redis

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/redis/go-redis/v9"
)

// allowed is told with every refusal. What was refused is not: it may hold a password.
const allowed = "it is redis://[user:password@]host:port[/db], or rediss:// for TLS, or " +
	"unix:///path/to/socket[?db=N]; " +
	"for a Cluster without db, and with ?addr=host:port for each further node; " +
	"for Sentinels with ?master_name=NAME, &addr=host:port for each further Sentinel, and " +
	"&username=&password= of the servers behind them " +
	"(the others are the Sentinels'); with &skip_verify=true for one server or Sentinels whose " +
	"certificates are not to be checked. " +
	"In a user, a password or a parameter, write what is not a letter or a digit as %XX"

// CheckURL reports what is wrong with the URL of a Redis, without repeating any of it.
func CheckURL(url string) error {
	_, err := parse(url)
	return err
}

// parse reads a URL as go-redis does, but for the parameters that tune its client: those are the store's business.
func parse(text string) (*redis.UniversalOptions, error) {
	address, err := url.Parse(text)
	if err != nil {
		return nil, refused("it is no URL")
	}
	query, err := url.ParseQuery(address.RawQuery)
	switch {
	case err != nil:
		return nil, refused("its parameters cannot be read")
	case !slices.Contains([]string{"redis", "rediss", "unix"}, address.Scheme):
		return nil, refused("its scheme is another")
	case address.Scheme != "unix" && address.Hostname() == "":
		return nil, refused("it has no host")
	case address.Fragment != "":
		return nil, refused("it has a #")
	}
	for name := range query {
		if !slices.Contains([]string{"addr", "master_name", "db", "username", "password", "skip_verify"}, name) {
			return nil, refused("it has another parameter")
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
		return nil, refused("a part of it does not fit the others, or is no number")
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
		return nil, errors.New("a Cluster has one database")
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
		return nil, errors.New("no name of a master")
	}
	return &redis.UniversalOptions{
		Addrs: behind.SentinelAddrs, MasterName: behind.MasterName, SentinelUsername: behind.SentinelUsername,
		SentinelPassword: behind.SentinelPassword,
		Username:         behind.Username, Password: behind.Password, DB: behind.DB, TLSConfig: behind.TLSConfig,
	}, nil
}

func refused(why string) error {
	return fmt.Errorf("the URL of Redis is not understood: %s; %s", why, allowed)
}
