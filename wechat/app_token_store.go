package wechat

import (
	"context"
	"encoding/json"
	"maps"
	"time"
)

// A Store is shared by all replicas. It may lose values, and may be unreachable.
// Get and Take return an error when there is no value.
type Store interface {
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Get(ctx context.Context, key string) ([]byte, error)
	Take(ctx context.Context, key string) ([]byte, error)
	PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
}

// A Sealer encrypts values for the store. A value that was sealed for one purpose
// and place cannot be opened for another.
type Sealer interface {
	Seal(purpose, place string, plaintext []byte) ([]byte, error)
	Open(purpose, place string, sealed []byte) ([]byte, error)
}

const (
	sealPurpose = "wechat app token"

	// storeTimeout limits a call to the store. Without the store, tokens are only requested more
	// often.
	storeTimeout = time.Second
)

// appTokenRecord is the sealed form of a token. Times are in milliseconds since 1970.
type appTokenRecord struct {
	Text      string `json:"text"`
	Expires   int64  `json:"expires"`
	Renew     int64  `json:"renew"`
	Confirmed int64  `json:"confirmed"`
}

// tokenStore keeps sealed tokens in the store.
type tokenStore struct {
	store  Store
	sealer Sealer
	base   string // WeChat's base URL: a token of one host must not be sent to another
}

func (s tokenStore) key(appID string) string      { return "wechat/app_token/" + appID }
func (s tokenStore) claimKey(appID string) string { return "wechat/app_token/asking/" + appID }
func (s tokenStore) place(appID string) string    { return s.base + " " + appID }

// read returns the stored token. It returns false if there is none, it cannot be
// opened, or the store is unreachable.
func (s tokenStore) read(ctx context.Context, appID string) (appToken, bool) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	sealed, err := s.store.Get(ctx, s.key(appID))
	if err != nil {
		return appToken{}, false
	}
	plain, err := s.sealer.Open(sealPurpose, s.place(appID), sealed)
	if err != nil {
		return appToken{}, false
	}
	var record appTokenRecord
	if err := json.Unmarshal(plain, &record); err != nil || !plausibleText(record.Text, maxAppToken) {
		return appToken{}, false
	}
	return appToken{
		Text:    Secret(record.Text),
		expires: time.UnixMilli(record.Expires), renew: time.UnixMilli(record.Renew),
		confirmed: time.UnixMilli(record.Confirmed),
	}, true
}

// write stores a token until it expires.
func (s tokenStore) write(ctx context.Context, appID string, token appToken, life time.Duration) error {
	plain, err := json.Marshal(appTokenRecord{token.Text.Reveal(), token.expires.UnixMilli(),
		token.renew.UnixMilli(), token.confirmed.UnixMilli()})
	if err != nil {
		return err
	}
	sealed, err := s.sealer.Seal(sealPurpose, s.place(appID), plain)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.store.Put(ctx, s.key(appID), sealed, life)
}

// drop deletes a token. It may delete a newer one that was stored in the meantime,
// which is then requested again.
func (s tokenStore) drop(ctx context.Context, appID string, token appToken) {
	if kept, found := s.read(ctx, appID); found && kept.Text == token.Text {
		s.take(ctx, s.key(appID))
	}
}

func (s tokenStore) take(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, _ = s.store.Take(ctx, key) // if this fails, it expires
}

// claim records that this replica asks WeChat. first is false if another one does already.
func (s tokenStore) claim(ctx context.Context, appID string, life time.Duration) (first bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.store.PutIfAbsent(ctx, s.claimKey(appID), []byte{1}, life)
}

// unclaim ends a claim.
func (s tokenStore) unclaim(ctx context.Context, appID string) { s.take(ctx, s.claimKey(appID)) }

// state returns the state of an app. The caller must hold the mutex.
func (a *AppTokens) state(appID string) *appState {
	state, known := a.apps[appID]
	if !known {
		state = &appState{rejected: map[Secret]time.Time{}}
		a.apps[appID] = state
	}
	return state
}

// known returns the token that this process has, and whether it can be used.
func (a *AppTokens) known(appID string, age time.Duration) (appToken, bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now, state := a.now(), a.state(appID)
	usable := state.kept.valid(now) && (now.Before(state.settled) || state.kept.fresh(now, age))
	return state.kept, usable
}

// fit reports whether a token from another replica can be used.
func (a *AppTokens) fit(appID string, token appToken) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now := a.now()
	return token.valid(now) && token.fresh(now, confirmEvery) && a.state(appID).trusts(token, now)
}

// keep starts to use a token. It returns false if WeChat rejected the token recently.
func (a *AppTokens) keep(appID string, token appToken) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	state := a.state(appID)
	if !state.trusts(token, a.now()) {
		return false
	}
	state.kept, state.settled = token, time.Time{}
	return true
}

// reject stops using a token that WeChat does not accept.
func (a *AppTokens) reject(appID string, token appToken) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now, state := a.now(), a.state(appID)
	maps.DeleteFunc(state.rejected, func(_ Secret, until time.Time) bool { return !now.Before(until) })
	state.rejected[token.Text] = now.Add(rejectedFor)
	if state.kept.Text == token.Text {
		state.kept, state.settled = appToken{}, time.Time{}
	}
}

// fallBack returns the token that could not be renewed until it expires, and then err.
func (a *AppTokens) fallBack(appID string, err error) (appToken, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now, state := a.now(), a.state(appID)
	if !state.kept.valid(now) {
		return appToken{}, err
	}
	state.settled = now.Add(retryAfter)
	return state.kept, nil
}

func (s *appState) trusts(token appToken, now time.Time) bool {
	return !now.Before(s.rejected[token.Text])
}

func (t appToken) valid(now time.Time) bool { return t.Text != "" && now.Before(t.expires) }

func (t appToken) fresh(now time.Time, age time.Duration) bool {
	return now.Before(t.renew) && now.Sub(t.confirmed) < age
}
