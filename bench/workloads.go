package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	refreshName  = "refresh_token"
	wechatName   = "wechat_code"
	passwordName = "password"
	jwksName     = "jwks"

	// people is how many have signed in before and do so again.
	people = 200
	// passwordConnections is below what the server lets one address have hashed or waiting, which is four.
	passwordConnections = 2
	// mostCodes is below what the simulator remembers.
	mostCodes = 200_000
)

func workloadNames() []string { return []string{refreshName, wechatName, passwordName, jwksName} }

// workload is a kind of request with the clients that make it.
type workload struct {
	name    string
	target  *url.URL
	clients []client
	prepare func(ctx context.Context, requests int) error // before each turn; nil: nothing to do
	token   func() string                                 // the last access token; nil: there are none
}

// run gives the workload its turn. A server with one core cannot answer more token requests than the signatures that the core could make,
// so that many are prepared for.
func (w *workload) run(ctx context.Context, o options, house *house, signature unit) (phase, error) {
	if w.prepare != nil {
		most := (o.duration() + o.warmUp()).Seconds() / (signature.CPU / float64(signature.Count))
		if err := w.prepare(ctx, min(int(most)+o.connections, mostCodes)); err != nil {
			return phase{}, err
		}
	}
	return drive(ctx, w.target.Host, w.clients, o.warmUp(), o.duration(), house.server.cpu)
}

// newWorkloads makes those that were asked for.
func newWorkloads(ctx context.Context, o options, house *house) ([]*workload, error) {
	endpoint, err1 := url.Parse(house.ready.TokenEndpoint)
	keySet, err2 := url.Parse(house.ready.JWKSURI)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	codes := &codes{simulator: house.wechat, appID: house.ready.MiniProgram.AppID}
	if err := codes.prepare(ctx, people); err != nil {
		return nil, err
	}
	known, err := signInAll(endpoint, house, codes)
	if err != nil {
		return nil, err
	}
	makers := map[string]func() *workload{
		refreshName:  func() *workload { return refreshWorkload(o, house, endpoint, known) },
		wechatName:   func() *workload { return wechatWorkload(o, house, endpoint, codes) },
		passwordName: func() *workload { return passwordWorkload(o, house, endpoint) },
		jwksName:     func() *workload { return jwksWorkload(o, keySet) },
	}
	var workloads []*workload
	for _, name := range workloadNames() {
		if slices.Contains(strings.Split(o.only, ","), name) {
			workloads = append(workloads, makers[name]())
		}
	}
	return workloads, nil
}

// holder keeps the tokens of the last answer. Its client goes on with them, or not.
type holder struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	next         func(*holder) ([]byte, error)
}

func (h *holder) request() ([]byte, error)   { return h.next(h) }
func (h *holder) answered(body []byte) error { return json.Unmarshal(body, h) }

// tokenWorkload has a number of clients that make their requests by the same function.
func tokenWorkload(name string, endpoint *url.URL, holders []*holder, next func(*holder) ([]byte, error)) *workload {
	w := &workload{name: name, target: endpoint, token: func() string { return holders[0].AccessToken }}
	for _, h := range holders {
		h.next = next
		w.clients = append(w.clients, h)
	}
	return w
}

func newHolders(count int) []*holder {
	holders := make([]*holder, count)
	for n := range holders {
		holders[n] = &holder{}
	}
	return holders
}

// refreshWorkload has every connection chain the refresh tokens of a session of its own.
func refreshWorkload(o options, house *house, endpoint *url.URL, known []*holder) *workload {
	return tokenWorkload(refreshName, endpoint, known[:o.connections], func(h *holder) ([]byte, error) {
		return postRequest(endpoint, house.ready.MiniProgram.ClientID, "", url.Values{"grant_type": {refreshName}, "refresh_token": {h.RefreshToken}}), nil
	})
}

// wechatWorkload trades a fresh code in every request. The codes were minted before.
func wechatWorkload(o options, house *house, endpoint *url.URL, codes *codes) *workload {
	w := tokenWorkload(wechatName, endpoint, newHolders(o.connections), func(*holder) ([]byte, error) { return codes.signIn(endpoint, house) })
	w.prepare = codes.prepare
	return w
}

// passwordWorkload sends the same right password again and again.
func passwordWorkload(o options, house *house, endpoint *url.URL) *workload {
	client, user := house.ready.Confidential, house.ready.User
	request := postRequest(endpoint, client.ClientID, client.ClientSecret,
		url.Values{"grant_type": {passwordName}, "username": {user.Username}, "password": {user.Password}})
	holders := newHolders(min(o.connections, passwordConnections))
	return tokenWorkload(passwordName, endpoint, holders, func(*holder) ([]byte, error) { return request, nil })
}

// jwksWorkload reads the key set.
func jwksWorkload(o options, keySet *url.URL) *workload {
	w := &workload{name: jwksName, target: keySet}
	for range o.connections {
		w.clients = append(w.clients, reader(getRequest(keySet)))
	}
	return w
}

// reader sends one request over and over and only looks whether there is an answer.
type reader []byte

func (r reader) request() ([]byte, error) { return r, nil }

func (r reader) answered(body []byte) error {
	if len(body) == 0 {
		return errors.New("the answer is empty")
	}
	return nil
}

// signInAll signs everybody in once, so that the database knows them.
func signInAll(endpoint *url.URL, house *house, codes *codes) ([]*holder, error) {
	connection, err := dial(endpoint.Host)
	if err != nil {
		return nil, err
	}
	defer connection.raw.Close()
	holders := newHolders(people)
	for _, h := range holders {
		request, err := codes.signIn(endpoint, house)
		if err != nil {
			return nil, err
		}
		status, body, err := connection.exchange(request)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("a sign-in was answered with %d: %s", status, body)
		}
		if err == nil {
			err = h.answered(body)
		}
		if err != nil {
			return nil, err
		}
	}
	return holders, nil
}
