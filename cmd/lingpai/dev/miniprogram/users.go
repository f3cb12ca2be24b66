package miniprogram

import (
	"context"
	"slices"
	"sync"
)

// maxUsers is how many users are signed in at the same time.
const maxUsers = 20

// users are the users who are signed in at the mini-program. Each keeps the same session, since a code is decided by
// the session that has scanned it. A new user takes the place of the one who was away for the longest time.
type users struct {
	signIn func(ctx context.Context, user string) (token string, err error)

	// Held during a sign-in, so that the same user does not sign in twice.
	mutex sync.Mutex
	last  []signedIn // who used it last is at the end
}

type signedIn struct{ user, token string }

// token returns an access token of a user, who is signed in for it if there is none but the one that was refused.
func (u *users) token(ctx context.Context, user, refused string) (string, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	found := signedIn{user: user}
	if n := slices.IndexFunc(u.last, func(s signedIn) bool { return s.user == user }); n >= 0 {
		found = u.last[n]
		u.last = slices.Delete(u.last, n, n+1)
	}
	if found.token == refused { // which is empty at first
		var err error
		if found.token, err = u.signIn(ctx, user); err != nil {
			return "", err
		}
	}
	u.last = append(u.last[max(0, len(u.last)+1-maxUsers):], found)
	return found.token, nil
}
