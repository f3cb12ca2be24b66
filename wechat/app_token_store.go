package wechat

import (
	"context"
	"encoding/json"
	"maps"
	"time"
)

// A Store is shared by all replicas. It may lose what it keeps, and may be out
// of reach. Get and Take return an error when there is nothing.
type Store interface {
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	Get(ctx context.Context, key string) ([]byte, error)
	Take(ctx context.Context, key string) ([]byte, error)
	PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error)
}

// A Sealer encrypts what the store must not show. What is sealed for one
// purpose and place opens for no other.
type Sealer interface {
	Seal(purpose, place string, plaintext []byte) ([]byte, error)
	Open(purpose, place string, sealed []byte) ([]byte, error)
}

const (
	sealPurpose = "wechat app token"

	// storePatience bounds a call of the store. Without it tokens are only
	// asked for more often.
	storePatience = time.Second
)

// appTokenRecord is a token as it is sealed. Instants are in milliseconds
// since 1970.
type appTokenRecord struct {
	Text      string `json:"text"`
	Expires   int64  `json:"expires"`
	Renew     int64  `json:"renew"`
	Confirmed int64  `json:"confirmed"`
}

// shelf keeps sealed tokens in the store.
type shelf struct {
	store  Store
	sealer Sealer
	base   string // of WeChat: a token of one must not be sent to another
}

func (s shelf) key(appID string) string   { return "wechat/app_token/" + appID }
func (s shelf) note(appID string) string  { return "wechat/app_token/asking/" + appID }
func (s shelf) place(appID string) string { return s.base + " " + appID }

// read returns the token that is kept, or none if it is not there, not ours,
// or out of reach.
func (s shelf) read(ctx context.Context, appID string) (appToken, bool) {
	ctx, cancel := context.WithTimeout(ctx, storePatience)
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

// write keeps a token until its life is over.
func (s shelf) write(ctx context.Context, appID string, token appToken, life time.Duration) error {
	plain, err := json.Marshal(appTokenRecord{token.Text.Reveal(), token.expires.UnixMilli(),
		token.renew.UnixMilli(), token.confirmed.UnixMilli()})
	if err != nil {
		return err
	}
	sealed, err := s.sealer.Seal(sealPurpose, s.place(appID), plain)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	return s.store.Put(ctx, s.key(appID), sealed, life)
}

// drop forgets a token. One that was put there since may go with it, and is
// asked for again.
func (s shelf) drop(ctx context.Context, appID string, token appToken) {
	if kept, found := s.read(ctx, appID); found && kept.Text == token.Text {
		s.take(ctx, s.key(appID))
	}
}

func (s shelf) take(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	_, _ = s.store.Take(ctx, key) // else it ends by itself
}

// takeOff notes that the caller asks WeChat. first says that nobody else does.
func (s shelf) takeOff(ctx context.Context, appID string, life time.Duration) (first bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, storePatience)
	defer cancel()
	return s.store.PutIfAbsent(ctx, s.note(appID), []byte{1}, life)
}

// land ends what takeOff noted.
func (s shelf) land(ctx context.Context, appID string) { s.take(ctx, s.note(appID)) }

// state returns what is known of an app. The mutex is held.
func (a *AppTokens) state(appID string) *appState {
	state, known := a.apps[appID]
	if !known {
		state = &appState{refused: map[Secret]time.Time{}}
		a.apps[appID] = state
	}
	return state
}

// known returns the token that this process has, if it will do.
func (a *AppTokens) known(appID string, age time.Duration) (appToken, bool) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now, state := a.now(), a.state(appID)
	usable := state.kept.alive(now) && (now.Before(state.settled) || state.kept.fresh(now, age))
	return state.kept, usable
}

// fit reports whether a token that another replica left will do for anybody.
func (a *AppTokens) fit(appID string, token appToken) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now := a.now()
	return token.alive(now) && token.fresh(now, confirmEvery) && a.state(appID).trusts(token, now)
}

// keep takes a token into use, unless WeChat has just refused it.
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

// refuse takes a token out of use, since WeChat does not accept it.
func (a *AppTokens) refuse(appID string, token appToken) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now, state := a.now(), a.state(appID)
	maps.DeleteFunc(state.refused, func(_ Secret, until time.Time) bool { return !now.Before(until) })
	state.refused[token.Text] = now.Add(distrust)
	if state.kept.Text == token.Text {
		state.kept, state.settled = appToken{}, time.Time{}
	}
}

// fallBack returns the token that could not be renewed, while it lives, or why
// there is none.
func (a *AppTokens) fallBack(appID string, err error) (appToken, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now, state := a.now(), a.state(appID)
	if !state.kept.alive(now) {
		return appToken{}, err
	}
	state.settled = now.Add(retryAfter)
	return state.kept, nil
}

func (s *appState) trusts(token appToken, now time.Time) bool {
	return !now.Before(s.refused[token.Text])
}

func (t appToken) alive(now time.Time) bool { return t.Text != "" && now.Before(t.expires) }

func (t appToken) fresh(now time.Time, age time.Duration) bool {
	return now.Before(t.renew) && now.Sub(t.confirmed) < age
}
