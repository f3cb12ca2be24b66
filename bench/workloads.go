package main

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"
)

const (
	refreshName           = "refresh_token"
	clientCredentialsName = "client_credentials"
	wechatName            = "wechat_code"
	newPeopleName         = "wechat_code, new people" // only in a crowd, since the database grows
	passwordName          = "password"
	jwksName              = "jwks"
	introspectName        = "introspect"
	exchangeName          = "token_exchange"
	codeName              = "authorization_code"
	signInPageName        = "sign_in_page"

	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"

	// people is the number of users who sign in again.
	people = 200
	// passwordConnections are few, since only one hash runs at a time.
	passwordConnections = 2
	// maxCodes is below the limit of the simulator.
	maxCodes = 200_000
)

func workloadNames() []string {
	return []string{refreshName, clientCredentialsName, wechatName, passwordName, introspectName,
		exchangeName, codeName, signInPageName, jwksName}
}

// workload is a kind of request and the clients that make it.
type workload struct {
	name    string
	target  *url.URL
	clients []client
	prepare func(ctx context.Context, requests int) error // before each phase; nil: nothing to do
	// runs during each phase, given the cost of a password's hash; nil: nothing
	background func(hash time.Duration) (stop func() error)
	token      func() string // the last access token; nil: there are none
}

// benchmark returns a benchmark of the workload at a server.
func (w *workload) benchmark(s *server) *benchmark {
	return &benchmark{subject{w.name, s.report.Store, s.report.Signer, s.report.Stored, len(w.clients)}, s, w}
}

// workloadBenchmarks returns the benchmarks of the selected workloads.
func workloadBenchmarks(ctx context.Context, o options, s *server) ([]*benchmark, error) {
	endpoint, err1 := s.endpoint()
	keySet, err2 := url.Parse(s.ready.JWKSURI)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	known, err := signInAll(ctx, endpoint, s, people)
	if err != nil {
		return nil, err
	}
	token, err1 := userToken(s, endpoint)
	site, err2 := newSite(s)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	var benchmarks []*benchmark
	for _, connections := range o.connections {
		for _, w := range []*workload{
			refreshWorkload(s, endpoint, known[:connections]),
			clientCredentialsWorkload(connections, s, endpoint),
			wechatWorkload(connections, endpoint, s.knownCodes()),
			passwordWorkload(connections, s, endpoint),
			introspectWorkload(connections, s, endpoint, token),
			exchangeWorkload(connections, s, endpoint, token),
			codeWorkload(connections, endpoint, site),
			signInPageWorkload(connections, site),
			jwksWorkload(connections, keySet),
		} {
			t := w.benchmark(s)
			again := slices.ContainsFunc(benchmarks, func(other *benchmark) bool { return other.subject == t.subject })
			if o.wants(w.name) && !again {
				benchmarks = append(benchmarks, t)
			}
		}
	}
	return benchmarks, nil
}

// crowdBenchmarks returns the benchmarks with few and with many connections.
func crowdBenchmarks(ctx context.Context, o options, s *server) ([]*benchmark, error) {
	endpoint, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	known, err := signInAll(ctx, endpoint, s, max(people, o.connections[0]*crowdFactor))
	if err != nil {
		return nil, err
	}
	sizes := []int{o.connections[0], o.connections[0] * crowdFactor}
	var benchmarks []*benchmark
	for _, connections := range sizes {
		benchmarks = append(benchmarks, refreshWorkload(s, endpoint, known[:connections]).benchmark(s))
	}
	for _, connections := range sizes {
		benchmarks = append(benchmarks, wechatWorkload(connections, endpoint, s.knownCodes()).benchmark(s))
	}
	newPeople := s.newCodes()
	for _, connections := range sizes {
		w := wechatWorkload(connections, endpoint, newPeople)
		w.name = newPeopleName
		benchmarks = append(benchmarks, w.benchmark(s))
	}
	return benchmarks, nil
}

// refreshWorkload returns a workload in which each connection refreshes a session of its own.
func refreshWorkload(s *server, endpoint *url.URL, sessions []*holder) *workload {
	return tokenWorkload(refreshName, endpoint, sessions, refresh(s, endpoint))
}

// refresh returns a function that makes a refresh request.
func refresh(s *server, endpoint *url.URL) func(*holder) ([]byte, error) {
	return func(session *holder) ([]byte, error) {
		return postRequest(endpoint, s.ready.MiniProgram.ClientID, "", url.Values{"grant_type": {refreshName},
			"refresh_token": {session.RefreshToken}}), nil
	}
}

// clientCredentialsWorkload requests tokens for a client itself.
func clientCredentialsWorkload(connections int, s *server, endpoint *url.URL) *workload {
	request := postRequest(endpoint, s.service.id, s.service.secret, url.Values{"grant_type": {clientCredentialsName},
		"scope": {"api"}})
	return tokenWorkload(clientCredentialsName, endpoint, newHolders(connections), func(*holder) ([]byte,
		error) {
		return request, nil
	})
}

// wechatWorkload exchanges a fresh code in every request. The codes are minted beforehand.
func wechatWorkload(connections int, endpoint *url.URL, codes *codes) *workload {
	w := tokenWorkload(wechatName, endpoint, newHolders(connections), func(*holder) ([]byte,
		error) {
		return codes.signIn(endpoint)
	})
	w.prepare = codes.prepare
	return w
}

// passwordWorkload sends the same correct password repeatedly.
func passwordWorkload(connections int, s *server, endpoint *url.URL) *workload {
	request := s.passwordRequest(endpoint)
	holders := newHolders(min(connections, passwordConnections))
	return tokenWorkload(passwordName, endpoint, holders, func(*holder) ([]byte, error) { return request, nil })
}

// passwordRequest returns a sign-in by password.
func (s *server) passwordRequest(endpoint *url.URL) []byte {
	client, user := s.ready.Confidential, s.ready.User
	return postRequest(endpoint, client.ClientID, client.ClientSecret,
		url.Values{"grant_type": {passwordName}, "username": {user.Username}, "password": {user.Password}})
}

// userToken returns an access token of a user for an API.
func userToken(s *server, endpoint *url.URL) (string, error) {
	asked := newHolders(1)[0]
	asked.next = func(*holder) ([]byte, error) { return s.passwordRequest(endpoint), nil }
	connection, err := dial(endpoint.Host)
	if err != nil {
		return "", err
	}
	defer connection.raw.Close()
	err = asked.ask(connection)
	return asked.AccessToken, err
}

// introspectWorkload introspects the same access token repeatedly.
func introspectWorkload(connections int, s *server, endpoint *url.URL, token string) *workload {
	target := endpoint.ResolveReference(&url.URL{Path: "introspect"})
	backEnd := s.ready.Confidential
	request := postRequest(target, backEnd.ClientID, backEnd.ClientSecret, url.Values{"token": {token}})
	w := &workload{name: introspectName, target: endpoint}
	w.clients = slices.Repeat([]client{activeReader(request)}, connections)
	return w
}

// exchangeWorkload exchanges the same access token repeatedly, as an API does that has received it.
func exchangeWorkload(connections int, s *server, endpoint *url.URL, token string) *workload {
	request := postRequest(endpoint, s.api.id, s.api.secret, url.Values{"grant_type": {exchangeGrant},
		"subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"}})
	return tokenWorkload(exchangeName, endpoint, newHolders(connections), func(*holder) ([]byte, error) {
		return request, nil
	})
}

// jwksWorkload reads the key set.
func jwksWorkload(connections int, keySet *url.URL) *workload {
	w := &workload{name: jwksName, target: keySet}
	w.clients = slices.Repeat([]client{reader(getRequest(keySet))}, connections)
	return w
}
