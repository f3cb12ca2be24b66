package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
)

// patience bounds every wait of the tests for a process.
const patience = 2 * time.Minute

// built returns the path of the program.
func built(t *testing.T) string {
	t.Helper()
	path, err := e2e.BuildPackage(t.Context(), "github.com/lingpai/lingpai/cmd/wechat-simulator", t.TempDir(),
		"wechat-simulator", nil)
	require.NoError(t, err)
	return path
}

// TestTheProgram runs until it is stopped, and simulates both platforms.
func TestTheProgram(t *testing.T) {
	const app = "wx0123456789abcdef"
	command := exec.CommandContext(t.Context(), built(t), "--addr", "127.0.0.1:0", "--app", app+":simulator-secret",
		"--app", "1112345678:simulator-secret", "--output", "json")
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	command.Stdout = writer
	p, err := e2e.Start(command, filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	writer.Close()
	defer p.Kill()
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err, p.LogTail())
	var ready struct{ Wechat, QQ string }
	require.NoError(t, json.Unmarshal([]byte(line), &ready))
	require.Equal(t, ready.Wechat+"/qq", ready.QQ)

	for base, appID := range map[string]string{ready.Wechat: app, ready.QQ: "1112345678"} {
		response, err := http.Post(base+"/_sim/codes", "application/json",
			strings.NewReader(`{"appid":"`+appID+`","user":"ada"}`))
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		response.Body.Close()
		require.Contains(t, string(text), `"code":"`)
	}
	if runtime.GOOS != "windows" { // there is no SIGTERM
		require.NoError(t, p.Signal(syscall.SIGTERM))
		require.NoError(t, p.Wait(patience), p.LogTail())
	}
}

func TestTheProgramRefusesToStartWithASentenceThatHelps(t *testing.T) {
	program := built(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for words, args := range map[string][]string{
		`must begin with "simulator-"`:    {"--addr", "127.0.0.1:0", "--app", "wx0123456789abcdef:real"},
		"is not host:port on loopback":    {"--addr", "0.0.0.0:8081"},
		"is neither text nor json":        {"--output", "yaml"},
		`unknown command "x"`:             {"x"},
		"unknown flag: --port":            {"--port", "1"},
		`"wx0123456789abcdef" is not APP`: {"--addr", "127.0.0.1:0", "--app", "wx0123456789abcdef"},
	} {
		out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "wechat-simulator: ")
		require.Contains(t, string(out), words)
	}
	out, err := exec.CommandContext(ctx, program, "--help").CombinedOutput()
	require.NoError(t, err)
	require.Contains(t, string(out), "\n  wechat-simulator --app ")
}
