package sql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// written are statements of servers: at index 0 those of all versions, then those that each version added. {n} is the
// number of the server's version. They fill every table and every column.
var written = []string{0: `
	INSERT INTO users (id, username, username_key, password_hash, created_at)
		VALUES ('u{n}', 'Alice{n}', 'alice{n}', 'hash', 1);
	INSERT INTO users (id, created_at) VALUES ('guest{n}', 1);
	INSERT INTO retired_subjects (hash, successor, retired_at) VALUES (CAST('h{n}' AS {bytes}), 'u{n}', 1);
	INSERT INTO accounts (platform, app, subject, user_id, union_id, open_platform, created_at)
		VALUES ('p', 'a', 's{n}', 'u{n}', 'x{n}', 'op', 1);
	INSERT INTO unions (platform, open_platform, union_id, user_id, created_at)
		VALUES ('p', 'op', 'x{n}', 'u{n}', 1);
	INSERT INTO apps (platform, id, kind, name, sealed_secret, open_platform, created_at)
		VALUES ('p', 'app{n}', 'mini_program', 'App', CAST('' AS {bytes}), 'op', 1);
	INSERT INTO clients (id, name, confidential, first_party, grants, scopes, default_scopes, audience, apps, origins,
		wechat_claims, access_ttl, idle_ttl, absolute_ttl, created_at)
		VALUES ('c{n}', 'C', FALSE, TRUE, '["password"]', '["api"]', '[]', '["https://a"]', '[]', '[]', FALSE, 0, 0,
			0, 1);
	INSERT INTO sessions (id, user_id, account_platform, account_app, account_subject, client_id, scope, method,
		auth_time, generation, opened_by, secret_hash, idle_expires_at, expires_at, last_seen_at, device)
		VALUES ('{session}', 'u{n}', 'p', 'a', 's{n}', 'c{n}', 'api', 'm', 1, 0, CAST('o{n}' AS {bytes}),
			CAST('{hash}' AS {bytes}), 4000000000000, 4000000000000, 1, 'd');
	INSERT INTO sessions (id, user_id, client_id, scope, method, auth_time, generation, secret_hash, idle_expires_at,
		expires_at, last_seen_at, device, ended_at, end_reason)
		VALUES ('ended{n}', 'u{n}', 'c{n}', 'api', 'm', 1, 0, CAST('{hash}' AS {bytes}), 2, 2, 1, 'd', 2, 'logout');
	INSERT INTO keys (purpose, sequence, id, sealed, created_at) VALUES ('p', {n}, 'k{n}', CAST('' AS {bytes}), 1);
	INSERT INTO events (id, at, kind, user_id, client_id, session_id, detail)
		VALUES ('{session}', 1, 'kind', 'u{n}', 'c{n}', '{session}', '{}');
	INSERT INTO marks (name, value) VALUES ('m{n}', 'v')`,
	2: `UPDATE users SET roles = '["admin"]', claims = '{"a":1}' WHERE id = 'u{n}'`,
	3: `UPDATE users SET deletes_at = 4000000000000 WHERE id = 'u{n}';
		INSERT INTO users (id, created_at, joined_into) VALUES ('merged{n}', 1, 'u{n}');
		INSERT INTO profiles (user_id, name, phone_number, updated_at) VALUES ('u{n}', 'Alice', '+8613800000000', 1);
		INSERT INTO joins (id, retired, survivor, moved, at) VALUES ('j{n}', 'merged{n}', 'u{n}', '{}', 1);
		INSERT INTO phone_uses (platform, app, month, used) VALUES ('p', 'app{n}', '2026-11', 1);
		UPDATE apps SET phone_budget = 7 WHERE id = 'app{n}'`,
	4: `UPDATE users SET dismissed = TRUE, disabled_at = 1 WHERE id = 'guest{n}'`,
	5: `INSERT INTO ended_sessions (id, ended_at) VALUES ('gone{n}', 1)`,
	6: `UPDATE events SET actor = '{"name":"root"}' WHERE user_id = 'u{n}'`,
	7: `UPDATE clients SET refresh_keys = TRUE WHERE id = 'c{n}'`,
	8: `UPDATE sessions SET bucket = 5 WHERE id = 'ended{n}';
		UPDATE ended_sessions SET bucket = 5 WHERE id = 'gone{n}'`,
	9:  `UPDATE events SET count = 12, last_at = 2 WHERE user_id = 'u{n}'`,
	10: `UPDATE users SET username_skeleton = 'aiice{n}' WHERE id = 'u{n}'`,
	11: `UPDATE sessions SET resources = 'https://a' WHERE user_id = 'u{n}';
		UPDATE clients SET is_audience = '["https://b"]', legacy_audience_until = 1 WHERE id = 'c{n}'`,
	14: `INSERT INTO browser_sessions (id, user_id, secret_hash, epoch, method, auth_time, device, idle_expires_at,
		expires_at, last_seen_at) VALUES ('b{n}', 'u{n}', CAST('b{hash}{n}' AS {bytes}), 0, 'm', 1, 'd', 4000000000000,
			4000000000000, 1);
		UPDATE sessions SET browser_session_id = 'b{n}' WHERE id = '{session}';
		INSERT INTO consents (user_id, client_id, resource, scopes, terms, granted_at)
			VALUES ('u{n}', 'c{n}', '', '["openid"]', '', 1);
		UPDATE clients SET redirect_uris = '["https://a/cb"]', post_logout_redirect_uris = '["https://a/"]',
			backchannel_logout_uri = 'https://a/out', always_consent = TRUE, optional_pkce = TRUE WHERE id = 'c{n}'`,
	15: `INSERT INTO logout_notices (session_id, user_id, client_id, ended_at, due_at) VALUES ('s{n}', 'u{n}', 'c{n}',
		1, 1)`,
	16: `UPDATE clients SET old_secret_until = 1, jwks = '{"keys":[]}', jwks_uri = 'https://a/jwks', require_par = TRUE
		WHERE id = 'c{n}'`,
	17: `UPDATE profiles SET address = '1 Long Street' WHERE user_id = 'u{n}';
		UPDATE sessions SET claims = 'address:iu email:i' WHERE id = '{session}'`,
	18: `UPDATE browser_sessions SET client_id = 'c{n}' WHERE id = 'b{n}';
		UPDATE clients SET initiate_login_uri = 'https://a/sign-in' WHERE id = 'c{n}'`,
	19: `INSERT INTO pushes (platform, app, mode, sealed_keys, former_keys, former_until, set_at, verified_at,
		received_at) VALUES ('p', 'app{n}', 'secure', CAST('' AS {bytes}), CAST('' AS {bytes}), 1, 1, 1, 1);
		INSERT INTO withdrawals (applied_at, id) VALUES (1, CAST('w{n}' AS {bytes}));
		UPDATE profiles SET profile_at = 1 WHERE user_id = 'u{n}'`,
	20: `INSERT INTO withdrawal_notices (id, content, received_at, due_at, attempts)
		VALUES (CAST('w{n}' AS {bytes}), CAST('' AS {bytes}), 1, 1, 1)`,
}

// sessionOf returns the id of the session that a server of a version opened.
func sessionOf(version int) string {
	return fmt.Sprintf("01900000-0000-7000-8000-0000000000%02d", version)
}

// writeAs writes rows as a server of a version does, with a number that no other rows have.
func writeAs(t *testing.T, db *DB, version, number int) {
	t.Helper()
	for n, added := range written {
		if n > version || added == "" {
			continue
		}
		for statement := range strings.SplitSeq(added, ";\n") {
			statement = strings.NewReplacer("{n}", fmt.Sprint(number), "{session}", sessionOf(number), "{hash}",
				strings.Repeat("s", 32), "{bytes}", db.dialect.bytes).Replace(statement)
			require.NoError(t, db.write.Exec(statement).Error, statement)
		}
	}
}

// TestEveryVersionUpgrades brings a database from the first version to the newest, and writes rows as each version
// does. Then it goes back to each earlier version, as UPGRADING describes it, and to the newest again.
func TestEveryVersionUpgrades(t *testing.T) {
	t.Parallel()
	everywhere(t, everyVersionUpgrades)
}

func everyVersionUpgrades(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	newest := len(requireStatus(t, db, false))
	migrator, err := db.Schema().migrator(ctx)
	require.NoError(t, err)
	for version := 1; version <= newest; version++ {
		_, err := migrator.UpByOne(ctx)
		require.NoError(t, err)
		writeAs(t, db, version, version)
	}
	for _, table := range tables(t, db) {
		require.True(t, table == "username_locks" || count(t, db, table) > 0, "no version writes rows of %s", table)
	}
	requireServes(t, open(), newest)
	before := rowsOfPeople(t, db)
	for version := newest - 1; version > 0; version-- {
		for range newest - version {
			_, err := db.Schema().MigrateDown(ctx)
			require.NoError(t, err)
		}
		require.Equal(t, before, rowsOfPeople(t, db), "lost at version %d", version)
		writeAs(t, db, version, newest+version)
		_, err := db.Schema().MigrateUp(ctx)
		require.NoError(t, err, "from version %d", version)
		requireServes(t, db, newest)
		before = rowsOfPeople(t, db)
	}
}

// rowsOfPeople counts what nobody may lose by going back to any version.
func rowsOfPeople(t *testing.T, db *DB) map[string]int64 {
	t.Helper()
	rows := map[string]int64{}
	for _, table := range []string{"users WHERE password_hash <> ''", "accounts", "unions", "retired_subjects",
		"clients", "apps", "keys", "sessions WHERE ended_at IS NULL", "events"} {
		var number int64
		require.NoError(t, db.read.Raw("SELECT count(*) FROM "+table).Scan(&number).Error)
		rows[table] = number
	}
	return rows
}

// requireServes requires that the users of all versions can go on, and that all calls work.
func requireServes(t *testing.T, db *DB, newest int) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, db.Schema().Check(ctx))
	_, _, err := db.Users().FillSkeletons(ctx, "", 500)
	require.NoError(t, err)
	var session identity.Session
	for version := 1; version <= newest; version++ {
		user, err := db.Users().FindByUsername(ctx, fmt.Sprintf("alice%d", version))
		require.NoError(t, err)
		key := identity.AccountKey{Platform: "p", App: "a", Subject: fmt.Sprintf("s%d", version)}
		known, isNew, err := db.Accounts().FindOrCreateUser(ctx, identity.ExternalIdentity{AccountKey: key})
		require.NoError(t, err)
		require.False(t, isNew)
		require.Equal(t, user.ID, known.ID)
		session, _, err = db.Sessions().Find(ctx, sessionOf(version))
		require.NoError(t, err)
		require.Equal(t, user.ID, session.UserID)
		moved, err := db.Sessions().Rotate(ctx, rotated(session), session.Generation)
		require.NoError(t, err)
		require.True(t, moved)
		_, err = db.Clients().Find(ctx, session.ClientID)
		require.NoError(t, err)
	}
	for _, call := range calls(db, session) {
		// Apps need the master key that sealed them, and EndSince would end the sessions.
		if !strings.HasPrefix(call.name, "Apps.") && call.name != "Sessions.EndSince" {
			require.NoError(t, call.do(ctx), call.name)
		}
	}
}
