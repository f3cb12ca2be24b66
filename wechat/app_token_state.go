package wechat

import (
	"maps"
	"time"
)

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
