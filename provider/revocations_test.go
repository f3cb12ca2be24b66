package provider_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// revocations is the verified content of the list.
type revocations struct {
	answer
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	Sequence int64  `json:"seq"`
	Sessions string `json:"sids"`
	Buckets  string `json:"buckets"`
}

func (w tokenCalls) revocations(t testing.TB) revocations {
	t.Helper()
	a := w.get("/revocations", nil)
	require.Equal(t, http.StatusOK, a.status, a.body)
	list := revocations{answer: a}
	payload, err := w.keys.Verify([]byte(a.body), "revocations2+jwt")
	if len(a.body) > 8<<10 { // which Verify rejects
		payload, err = base64.RawURLEncoding.DecodeString(strings.Split(a.body, ".")[1])
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &list))
	return list
}

// has reports whether a verifier rejects an access token by the list.
func (l revocations) has(t testing.TB, accessToken string) bool {
	t.Helper()
	all, err := base64.RawURLEncoding.DecodeString(l.Sessions)
	require.NoError(t, err)
	claims := claimsOf(t, accessToken)
	sum := sha256.Sum256([]byte(claims["sid"].(string)))
	for ; len(all) > 0; all = all[16:] {
		if string(all[:16]) == string(sum[:16]) {
			return true
		}
	}
	buckets, err := base64.RawURLEncoding.DecodeString(l.Buckets)
	require.NoError(t, err)
	user := sha256.Sum256([]byte(claims["sub"].(string)))
	for ; len(buckets) > 0; buckets = buckets[6:] {
		if string(buckets[:2]) == string(user[:2]) {
			return claims["iat"].(float64) < float64(binary.BigEndian.Uint32(buckets[2:]))
		}
	}
	return false
}

// TestOfflineVerifiersLearnOfALogout by the signed list, within a second, and until the last token of the session has
// expired.
func TestOfflineVerifiersLearnOfALogout(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	left, stayed := w.signIn("alice", "scope", "openid api"), w.signIn("alice", "scope", "openid api")
	first := w.revocations(t)
	require.Equal(t, w.issuer, first.Issuer)
	require.Empty(t, first.Sessions)
	require.EqualValues(t, 300, first.Expires-first.IssuedAt)
	require.Equal(t, "application/revocations2+jwt", first.header.Get("Content-Type"))
	require.Equal(t, "public, max-age=1", first.header.Get("Cache-Control"))

	requireRevoked(t, w.revoke(left.text("refresh_token")))
	w.clock.Move(time.Second)
	second := w.revocations(t)
	require.True(t, second.has(t, left.text("access_token")))
	require.False(t, second.has(t, stayed.text("access_token")))
	require.Greater(t, second.Sequence, first.Sequence)
	require.NotContains(t, w.log.String(), second.Sessions)

	w.clock.Move(time.Hour)
	require.True(t, w.revocations(t).has(t, left.text("access_token")), "verifiers' clocks may be slow")
	w.clock.Move(10 * time.Minute)
	require.Empty(t, w.revocations(t).Sessions)
}

// TestTheListHasStolenSessions: it covers a thief's access token like any other of the session.
func TestTheListHasStolenSessions(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	robbed := w.signIn("alice", "scope", "openid api")
	thief := w.token(refreshForm(robbed.text("refresh_token")))
	w.clock.Move(time.Minute)
	requireError(t, w.token(refreshForm(robbed.text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
	list := w.revocations(t)
	require.True(t, list.has(t, thief.text("access_token")))
	require.True(t, list.has(t, robbed.text("access_token")))
}

func TestTheListIsAskedForAgainCheaply(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	list := w.revocations(t)
	etag := list.header.Get("Etag")
	require.Regexp(t, `^W/"[A-Za-z0-9_-]+"$`, etag)
	again := w.get("/revocations", http.Header{"If-None-Match": {etag}})
	require.Equal(t, http.StatusNotModified, again.status)
	require.Empty(t, again.body)
	head := w.ask(http.MethodHead, "/revocations", nil, nil)
	require.Equal(t, http.StatusOK, head.status)
	require.Empty(t, head.body)
	refused := w.post("/revocations", "", nil)
	requireError(t, refused, http.StatusMethodNotAllowed, "invalid_request")
	require.Empty(t, w.get("/revocations", http.Header{"Origin": {testOrigin}}).header.Get(
		"Access-Control-Allow-Origin"), "only APIs read the list")
	w.revoke(w.signIn("alice").text("refresh_token"))
	w.clock.Move(time.Second)
	require.Equal(t, http.StatusOK, w.get("/revocations", http.Header{"If-None-Match": {etag}}).status)
}

// TestTheListIsNotAToken (RFC 8725 §3.11): it is signed by the same keys, and its type prevents confusion with a token.
func TestTheListIsNotAToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	list := w.revocations(t).body
	requireError(t, w.userinfo(list), http.StatusUnauthorized, "invalid_token")
	requireError(t, w.verify(list, ""), http.StatusUnauthorized, "invalid_token")
	require.Equal(t, false, w.introspect(list).members["active"])
	_, err := w.keys.Verify([]byte(w.signIn("alice", "scope", "openid").text("access_token")), "revocations2+jwt")
	require.Error(t, err, "nor is a token a list")
}

// TestTheListOutlivesTheStorage until it expires, and is never created without the storage.
func TestTheListOutlivesTheStorage(t *testing.T) {
	t.Parallel()
	w, fresh := newEnv(t), newEnv(t)
	list := w.revocations(t).body
	require.NoError(t, w.database.Close())
	require.NoError(t, fresh.database.Close())
	w.clock.Move(4 * time.Minute)
	require.Equal(t, list, w.get("/revocations", nil).body)
	w.clock.Move(time.Minute)
	for _, e := range []*env{w, fresh} {
		a := e.get("/revocations", nil)
		requireError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
		require.Equal(t, "2", a.header.Get("Retry-After"))
		require.False(t, strings.Contains(a.body, "sql"))
	}
}

// TestDeletedUsersAreListed though their sessions are gone.
func TestDeletedUsersAreListed(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	gone := w.signIn("alice", "scope", "openid api")
	_, err := w.database.Deletions().ScheduleDeletion(t.Context(), w.subOf(gone.text("access_token")), 0)
	require.NoError(t, err)
	deleted, err := w.database.Deletions().PurgeDeleted(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
	_, _, err = w.database.Sessions().Find(t.Context(), claimsOf(t, gone.text("access_token"))["sid"].(string))
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.True(t, w.revocations(t).has(t, gone.text("access_token")))
}

// TestAnAttackOnOneUserRefusesNobodyElse: 20 100 sign-ins of one user that ended do not make verifiers refuse the
// tokens of others, and none of the user's ended sessions is accepted.
func TestAnAttackOnOneUserRefusesNobodyElse(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	robbed, other := w.signIn("alice", "scope", "openid api"), w.signIn("bob", "scope", "openid api")
	user, err := w.database.Users().Find(t.Context(), w.subOf(robbed.text("access_token")))
	require.NoError(t, err)
	w.clock.Move(time.Second)
	for range 20_100 {
		_, err := w.database.Sessions().Open(t.Context(), identity.Session{ID: identity.NewSessionID(),
			UserID: user.ID, ClientID: "web", AuthTime: w.clock.Now()}, user.AuthEpoch,
			identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}, 0)
		require.NoError(t, err)
	}
	_, err = w.database.Sessions().EndAll(t.Context(), user.ID, identity.EndedByUser)
	require.NoError(t, err)
	w.clock.Move(time.Second)
	list := w.revocations(t)
	require.True(t, list.has(t, robbed.text("access_token")))
	require.False(t, list.has(t, other.text("access_token")))
	require.False(t, list.has(t, w.signIn("alice", "scope", "openid api").text("access_token")))
	require.Len(t, list.Buckets, 8, "only alice's bucket")
}

// TestTheListIsCompressed for callers that accept it, and caches keep both forms apart.
func TestTheListIsCompressed(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for range 40 {
		requireRevoked(t, w.revoke(w.signIn("alice").text("refresh_token")))
	}
	w.clock.Move(time.Second)
	list := w.revocations(t)
	for accepted, coding := range map[string]string{"gzip": "gzip", "br, GZIP;q=0.5": "gzip", "identity": "",
		"gzip;q=0": "", "gzip; q=0.000, br": "", "x-gzip": ""} {
		a := w.get("/revocations", http.Header{"Accept-Encoding": {accepted}})
		require.Equal(t, coding, a.header.Get("Content-Encoding"), accepted)
		require.Equal(t, "Accept-Encoding", a.header.Get("Vary"))
		require.Equal(t, list.header.Get("Etag"), a.header.Get("Etag"))
		require.Equal(t, strconv.Itoa(len(a.body)), a.header.Get("Content-Length"))
		if coding != "" {
			reader, err := gzip.NewReader(strings.NewReader(a.body))
			require.NoError(t, err)
			plain, err := io.ReadAll(reader)
			require.NoError(t, err)
			a.body = string(plain)
		}
		require.Equal(t, list.body, a.body)
	}
	same := w.get("/revocations", http.Header{"Accept-Encoding": {"gzip"}, "If-None-Match": {list.header.Get("Etag")}})
	require.Equal(t, http.StatusNotModified, same.status)
	require.Empty(t, same.header.Get("Content-Encoding"))
}
