package main

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDevGoesOnWhereItWas(t *testing.T) {
	o := newOperator(t)
	before := o.develop("data")
	keySet, token := before.keySet(), before.signIn().text("refresh_token")
	require.NoError(t, before.stop())

	after := o.develop("data")
	require.Equal(t, keySet, after.keySet())
	require.Equal(t, before.MiniProgram, after.MiniProgram)
	require.Equal(t, before.Confidential, after.Confidential)
	require.Equal(t, before.User, after.User)
	require.Equal(t, before.Simulator.URL, after.Simulator.URL)
	require.Equal(t, http.StatusOK, after.refresh(token).status)
	require.Equal(t, http.StatusOK, after.passwordGrant().status)
	require.Equal(t, http.StatusOK, after.signIn().status)
}

// TestTheSimulatorsAddressIsChosen with --simulator-addr, which must be free and on loopback. The port of the last
// start is only a wish.
func TestTheSimulatorsAddressIsChosen(t *testing.T) {
	o := newOperator(t)
	addr := strings.TrimPrefix(o.develop("data").Simulator.URL, "http://")
	refused := func(at string) string {
		return o.refused("dev", "--addr", "127.0.0.1:0", "--data", "more", "--simulator-addr", at)
	}
	require.Contains(t, refused(addr), "--simulator-addr")
	require.Contains(t, refused("0.0.0.0:0"), "--simulator-addr: \"0.0.0.0:0\" is not host:port on loopback")
	require.Contains(t, o.with("LINGPAI_WECHAT_BASE_URL=http://"+addr).refused("dev", "--addr", "127.0.0.1:0",
		"--data", "more", "--simulator-addr", "127.0.0.1:0"), "--simulator-addr: wechat.base_url")

	require.NoError(t, os.WriteFile(filepath.Join(o.folder, "more", "simulator.addr"), []byte(addr+"\n"), 0o600))
	another := o.develop("more")
	require.NotEqual(t, "http://"+addr, another.Simulator.URL)
	require.Equal(t, http.StatusOK, another.signIn().status)
	require.NoError(t, another.stop())
	free := strings.TrimPrefix(another.Simulator.URL, "http://")
	p := o.start("dev", "--addr", "127.0.0.1:0", "--data", "data2", "--output", "json", "--simulator-addr", free)
	require.Contains(t, p.line(), free)
}

func TestDevsFilesAreItsOwnersOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	o := newOperator(t)
	require.NoError(t, o.develop("data").stop())
	for _, name := range []string{"lingpai.db", "master.key", "dev.json", "simulator.addr"} {
		info, err := os.Stat(filepath.Join(o.folder, "data", name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
}

func TestDevStartsOnAFolderThatAFirstStartWasKilledIn(t *testing.T) {
	for _, life := range []time.Duration{5, 20, 40, 60, 90, 130, 200} {
		o := newOperator(t)
		p := o.start("dev", "--addr", "127.0.0.1:0", "--data", "data", "--output", "json")
		time.Sleep(life * time.Millisecond)
		p.Kill()
		require.Equal(t, http.StatusOK, o.develop("data").signIn().status, "killed after %d ms", life)
	}
}

func TestDevStartsOnWhatEachStepOfAFirstStartLeaves(t *testing.T) {
	t.Run("a draft of the seeds", func(t *testing.T) {
		o := newOperator(t)
		require.NoError(t, os.Mkdir(filepath.Join(o.folder, "data"), 0o700))
		o.write("data/dev.json.new", `{"appid":`)
		o.write("data/master.key.new", "")
		require.Equal(t, http.StatusOK, o.develop("data").signIn().status)
	})
	t.Run("an empty database file", func(t *testing.T) {
		o := newOperator(t, "LINGPAI_DATABASE_URL=sqlite:empty.db")
		o.write("empty.db", "")
		require.Equal(t, http.StatusOK, o.develop("data").signIn().status)
	})
	t.Run("a database without mark", func(t *testing.T) {
		o := newOperator(t, "LINGPAI_DATABASE_URL=sqlite:lingpai.db")
		o.ok("migrate", "up")
		require.Equal(t, http.StatusOK, o.develop("data").signIn().status)
	})
}

func TestDevDoesNotTouchADatabaseThatIsNotItsOwn(t *testing.T) {
	for name, fill := range map[string]func(o *operator){
		"user": func(o *operator) { o.okWith("a good password", "users", "create", "alice") },
		"app":  func(o *operator) { o.okWith(realSecret, "apps", "add", appID) },
		"client": func(o *operator) {
			o.ok("clients", "create", "x", "--first-party", "--grant", "password", "--audience", "a")
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := migrated(t, "LINGPAI_DATABASE_URL=sqlite:production.db")
			fill(o)
			clients, users := o.ok("clients", "list"), o.ok("users", "list")
			require.Contains(t, o.refused("dev", "--data", "data"), "not created by lingpai dev")
			require.Equal(t, clients, o.ok("clients", "list"))
			require.Equal(t, users, o.ok("users", "list"))
		})
	}
}

func TestDevSaysWhichPartOfItsFolderIsMissing(t *testing.T) {
	o := newOperator(t)
	require.NoError(t, o.develop("data").stop())
	o = o.with("LINGPAI_DATABASE_URL=sqlite:data/lingpai.db")
	require.Contains(t, o.refused("dev", "--data", "other"), "with another folder")

	require.NoError(t, os.Remove(filepath.Join(o.folder, "data", "master.key")))
	require.Contains(t, o.refused("dev", "--data", "data"), "master key")
	o.write("data/dev.json", "{")
	require.Contains(t, o.refused("dev", "--data", "data"), "dev.json was not written by lingpai dev")
	o.write("file", "")
	require.Contains(t, o.refused("dev", "--data", "file"), "--data")
}
