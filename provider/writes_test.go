package provider_test

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
)

// noteWrites makes PostgreSQL count the statements that may write, also those that change no row or are rolled back.
const noteWrites = `CREATE SEQUENCE writes;
	SELECT nextval('writes');
	CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM nextval('writes'); RETURN NULL; END $$;
	DO $$ DECLARE name text; BEGIN
		FOR name IN SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' LOOP
			EXECUTE format('CREATE TRIGGER note_write AFTER INSERT OR UPDATE OR DELETE ON %I
				FOR EACH STATEMENT EXECUTE FUNCTION note_write()', name);
		END LOOP; END $$`

// writes returns a function that returns a number which every write to the database changes.
func (w *installation) writes() func() int64 {
	driver, query := "sqlite", "PRAGMA data_version" // what other connections have committed
	if *onPostgreSQL {
		driver, query = "pgx", "SELECT last_value FROM writes"
	}
	pool, err := sql.Open(driver, w.databaseURL)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { pool.Close() })
	connection, err := pool.Conn(w.t.Context())
	require.NoError(w.t, err)
	if *onPostgreSQL {
		_, err := connection.ExecContext(w.t.Context(), noteWrites)
		require.NoError(w.t, err)
	}
	return func() (number int64) {
		require.NoError(w.t, connection.QueryRowContext(w.t.Context(), query).Scan(&number))
		return number
	}
}

// eventLog keeps events instead of writing them.
type eventLog struct {
	identity.Events
	kinds lockedBuffer
}

func (l *eventLog) Record(_ context.Context, event identity.Event) error {
	_, err := l.kinds.Write([]byte(event.Kind + "\n"))
	return err
}

// TestNothingIsWrittenBeforeASignIn: requests, pages and failed attempts cost the database no write, except for a
// sample of the attempts in the audit log.
func TestNothingIsWrittenBeforeASignIn(t *testing.T) {
	t.Parallel()
	events := &eventLog{}
	w := newWeb(t, func(s *settings) {
		s.stores = func(stores *server.Stores) { stores.Events = events }
	})
	writes, v := w.writes(), w.visitor()
	open := func(at string) func() page { return func() page { return v.open(at) } }
	submit := func(p page, pairs ...string) func() page { return func() page { return v.submit(p, pairs...) } }
	form, others := v.follow(v.open(v.request("shop"))), v.follow(v.open(v.request("partner")))
	_, carried, _ := strings.Cut(form.at, "?")
	posted, err := url.ParseQuery(strings.TrimPrefix(v.request("spa"), "/authorize?"))
	require.NoError(t, err)
	before := writes()
	for name, visit := range map[string]struct {
		status int
		page   func() page
	}{
		"a request":            {http.StatusSeeOther, open(v.request("shop"))},
		"its page":             {http.StatusOK, open(form.at)},
		"its page in English":  {http.StatusOK, open(form.at + "&ui_locales=en")},
		"a new browser":        {http.StatusOK, func() page { return v.follow(w.visitor().open(v.request("shop"))) }},
		"no page allowed":      {http.StatusSeeOther, open(v.request("shop", "prompt", "none"))},
		"no such client":       {http.StatusUnauthorized, open(v.request("nobody"))},
		"no such address":      {http.StatusBadRequest, open(v.request("shop", "redirect_uri", thirdCallback))},
		"an error":             {http.StatusSeeOther, open(v.request("shop", "response_type", "token"))},
		"an error of others":   {http.StatusBadRequest, open(v.request("partner", "scope", "account"))},
		"a wrong password":     {http.StatusBadRequest, submit(form, "username", "alice", "password", "wrong")},
		"one at others' page":  {http.StatusBadRequest, submit(others, "username", "alice", "password", "wrong")},
		"no such user":         {http.StatusBadRequest, submit(form, "username", "nobody", "password", "wrong")},
		"no password":          {http.StatusBadRequest, submit(form, "username", "alice")},
		"nobody to choose":     {http.StatusSeeOther, open("/choose-account?" + carried)},
		"nobody to consent":    {http.StatusSeeOther, open("/consent?" + carried)},
		"nobody to sign out":   {http.StatusOK, open("/sign-out")},
		"a client's sign-out":  {http.StatusOK, open("/end-session?client_id=shop")},
		"no request of a page": {http.StatusNotFound, open("/sign-in")},
		"a posted request": {http.StatusSeeOther, func() page {
			return v.do(http.MethodPost, "/authorize", posted, nil)
		}},
		"another site's form": {http.StatusForbidden, func() page {
			return v.do(http.MethodPost, form.at, url.Values{"username": {"alice"}, "password": {testPassword}},
				http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}})
		}},
	} {
		require.Equal(t, visit.status, visit.page().status, name)
		require.Equal(t, before, writes(), name)
	}
	require.Contains(t, events.kinds.String(), identity.EventSignInFailed)
	require.Empty(t, strings.ReplaceAll(events.kinds.String(), identity.EventSignInFailed+"\n", ""))
	v.code(v.enter(form, "alice"), "shop")
	require.NotEqual(t, before, writes(), "a sign-in is written")
}

// TestPagesWriteNothing: also when users are signed in, only what they do is written, and once a minute that they are
// there.
func TestPagesWriteNothing(t *testing.T) {
	t.Parallel()
	w := newWeb(t)
	writes, v := w.writes(), w.visitor()
	v.signIn("alice", "shop")
	asked := v.follow(v.open(v.request("partner")))
	before := writes()
	v.code(v.open(v.request("shop")), "shop")
	require.Contains(t, v.open(asked.at).body, `id="consent-allow"`)
	require.Equal(t, before, writes(), "a code, and the page that asks for consent")
	another := strings.Replace(w.request("shop"), "/authorize?", "/sign-in?to=authorize&another_account=1&", 1)
	v.enter(v.open(another), "bob")
	chosen := v.follow(v.open(v.request("shop")))
	require.Contains(t, chosen.body, `name="account"`)
	before = writes()
	require.Contains(t, v.open(chosen.at).body, `name="account"`)
	v.open("/sign-out")
	require.Equal(t, before, writes(), "the page that asks for the account, and the one to sign out")
	v.code(v.follow(v.choose(chosen, "alice")), "shop")
	require.Equal(t, before, writes(), "the choice is in the address of the request")

	w.clock.Move(identity.BrowserTouchInterval + time.Second)
	before = writes()
	v.code(v.follow(v.choose(chosen, "alice")), "shop")
	require.NotEqual(t, before, writes(), "the browser was seen")
}
