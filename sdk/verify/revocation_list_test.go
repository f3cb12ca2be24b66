package verify

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestInvalidListsAreRefused (RFC 8725): a list that is not the issuer's, incomplete or not valid now changes
// nothing, and makes New fail.
func TestInvalidListsAreRefused(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	token := w.token(nil)
	w.revoke("s_1")
	w.clock.advance(2 * testInterval)
	requireRefused(t, w, token, sessionEnded)
	good := w.signedList(nil)
	now := w.clock.now().Unix()
	for name, list := range map[string]string{
		"an access token":      w.token(nil),
		"typ of access tokens": sign(headerOf("first", ""), w.listOf(nil), firstRSA()),
		"no typ":               sign(`{"alg":"RS256","kid":"first"}`, w.listOf(nil), firstRSA()),
		"alg none": b64([]byte(`{"alg":"none","kid":"first","typ":"revocations2+jwt"}`)) + "." +
			b64([]byte(w.listOf(nil))) + ".",
		"an unknown key": sign(strings.Replace(listHeader, "first", "second", 1), w.listOf(nil), secondRSA()),
		"another key":    sign(listHeader, w.listOf(nil), secondRSA()),
		"a key of its own": sign(strings.Replace(listHeader, "{", `{"jku":"https://attacker.example/keys",`, 1),
			w.listOf(nil), firstRSA()),
		"changed":        good[:len(good)-8] + "AAAAAAAA",
		"cut off":        good[:len(good)/2],
		"HTML":           "<html>",
		"another issuer": w.signedList(map[string]any{"iss": "https://attacker.example"}),
		"expired":        w.signedList(map[string]any{"exp": now - 11}),
		"of the future":  w.signedList(map[string]any{"iat": now + 11}),
		"valid for ever": w.signedList(map[string]any{"exp": now + 3601, "seq": 1 << 60}),
		"no exp":         w.signedList(map[string]any{"exp": nil}),
		"no seq":         w.signedList(map[string]any{"seq": nil}),
		"no sids":        w.signedList(map[string]any{"sids": nil}),
		"no buckets":     w.signedList(map[string]any{"buckets": nil}),
		"the earlier type": sign(strings.Replace(listHeader, "revocations2+", "revocations+", 1), w.listOf(nil),
			firstRSA()),
		"half an entry": w.signedList(map[string]any{"sids": "AAAA"}),
		"not base64url": w.signedList(map[string]any{"sids": "+++="}),
		"not in order": w.signedList(map[string]any{"sids": b64(append(make([]byte, hashSize-1),
			append([]byte{1}, make([]byte, hashSize)...)...))}),
		"a session twice":    w.signedList(map[string]any{"sids": b64(make([]byte, 2*hashSize))}),
		"half a bucket":      w.signedList(map[string]any{"buckets": "AAAA"}),
		"a bucket twice":     w.signedList(map[string]any{"buckets": b64(bucketsOf(7, 1, 7, 2))}),
		"buckets unsorted":   w.signedList(map[string]any{"buckets": b64(bucketsOf(7, 1, 6, 1))}),
		"buckets not base64": w.signedList(map[string]any{"buckets": "+++="}),
		"buckets no text":    w.signedList(map[string]any{"buckets": []int{1}}),
		"of later tokens":    w.signedList(map[string]any{"buckets": b64(bucketsOf(7, now+2))}),
		"2 MiB":              good + strings.Repeat("A", maxListSize),
	} {
		t.Run(name, func(t *testing.T) {
			w.publishList(list)
			requireEqual(t, true, w.verifier.revocations.load(context.Background()) != nil)
			requireRefused(t, w, token, sessionEnded)
			v, err := New(context.Background(), w.issuer.URL, testAudience, WithClock(w.clock.now),
				WithRevocations(testInterval, AcceptWithoutList))
			requireEqual(t, []bool{true, false}, []bool{err != nil && v == nil, errors.Is(err, ErrInvalidToken)})
		})
	}
}

// TestAListEndsWithItsKey: a list signed with a stolen key is not used after the key is gone.
func TestAListEndsWithItsKey(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	w.issuer.publish(jwkOf("first", &firstRSA().PublicKey), jwkOf("second", &secondRSA().PublicKey))
	w.clock.advance(defaultFloor)
	token := w.tokenOf("second", secondRSA())
	// the attacker's list
	w.publishList(w.signedList(map[string]any{"seq": w.clock.now().UnixMilli() + 1<<40,
		"exp": w.clock.now().Unix() + 3600}))
	requireGood(t, w, token)
	w.issuer.publish(jwkOf("second", &secondRSA().PublicKey))
	w.publishList("")
	w.clock.advance(10 * time.Minute)
	requireUnavailable(t, w, token)
	w.settleList(t)
	w.publishList(sign(strings.Replace(listHeader, "first", "second", 1), w.listOf(nil, "s_1"), secondRSA()))
	w.clock.advance(testInterval)
	_ = w.verify(token)
	w.settleList(t)
	requireRefused(t, w, token, sessionEnded)
}

// TestAnOlderListChangesNothing: replicas, caches and attackers may have one. After the newer one has expired, it is
// accepted.
func TestAnOlderListChangesNothing(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	token := w.token(nil)
	older := w.signedList(nil)
	w.clock.advance(2 * testInterval)
	w.revoke("s_1")
	requireRefused(t, w, token, sessionEnded)
	w.publishList(older)
	for range 5 {
		w.clock.advance(2 * testInterval)
		requireRefused(t, w, token, sessionEnded)
		w.settleList(t)
	}
	w.publishList(w.signedList(map[string]any{"seq": 1, "exp": w.clock.now().Unix() + 3600}))
	w.clock.advance(2 * testInterval)
	requireRefused(t, w, token, sessionEnded)
	w.clock.advance(5 * time.Minute)
	requireGood(t, w, token)
}

// TestAnExpiredListIsFetchedWithoutETag: an answer of 304 does not make it valid.
func TestAnExpiredListIsFetchedWithoutETag(t *testing.T) {
	w := newListEnv(t, RefuseWithoutList)
	token := w.token(nil)
	w.clock.advance(time.Minute)
	requireGood(t, w, token)
	requireEqual(t, int64(1), w.issuer.sameList.Load())
	w.clock.advance(10 * time.Minute)
	requireUnavailable(t, w, token)
	w.settleList(t)
	requireEqual(t, int64(1), w.issuer.sameList.Load())
}
