package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// seat is a terminal at which a command runs.
type seat struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd

	mutex sync.Mutex
	shown strings.Builder // everything that the terminal shows
}

// shows waits until the terminal shows a text: it does so a little later than the command has written it.
func (s *seat) shows(text string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.screen(), text) }, patience, time.Millisecond, text)
}

// atTerminal starts a command at a pseudo-terminal of its own.
func (o *shell) atTerminal(args ...string) *seat {
	o.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(o.t, err)
	o.t.Cleanup(func() { master.Close() })
	require.NoError(o.t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(o.t, err)
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(o.t, err)
	o.t.Cleanup(func() { slave.Close() }) // while it is open, its mode can be read after the command has ended
	s := &seat{t: o.t, master: master, cmd: o.command(o.t.Context(), args...)}
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(o.t, s.cmd.Start())
	go func() {
		text := make([]byte, 1024)
		for {
			n, err := master.Read(text)
			if err != nil {
				return
			}
			s.mutex.Lock()
			s.shown.Write(text[:n])
			s.mutex.Unlock()
		}
	}()
	return s
}

func (s *seat) screen() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.shown.String()
}

func (s *seat) lastLine() string {
	screen := s.screen()
	return screen[strings.LastIndex(screen, "\n")+1:]
}

// echoes reports whether the terminal shows what is typed.
func (s *seat) echoes() bool {
	mode, err := unix.IoctlGetTermios(int(s.master.Fd()), unix.TCGETS)
	require.NoError(s.t, err)
	return mode.Lflag&unix.ECHO != 0
}

// answers waits for the last line of the screen to be a prompt that does not echo, and types a line.
func (s *seat) answers(prompt, line string) {
	s.t.Helper()
	s.awaitPrompt(prompt)
	_, err := s.master.WriteString(line + "\n")
	require.NoError(s.t, err)
	require.Eventually(s.t, func() bool { return s.lastLine() != prompt }, patience, time.Millisecond)
}

func (s *seat) awaitPrompt(prompt string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.lastLine() == prompt && !s.echoes() }, patience,
		time.Millisecond, prompt)
}

func TestAPasswordTypedAtATerminalIsNotShownAndAskedTwice(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	const first, second = "password (not shown): ", "repeat the password (not shown): "
	s := o.atTerminal("users", "create", "alice")
	s.answers(first, "a good password")
	s.answers(second, "a goof password")
	s.answers(first, "a good password")
	s.answers(second, "a good password")
	require.NoError(t, s.cmd.Wait())
	require.True(t, s.echoes())
	s.shows("created u_")
	require.NotContains(t, s.screen(), "goo")
	require.Contains(t, s.screen(), "the repetition differs")
	require.Len(t, o.listed("users", "list"), 1)

	s = o.atTerminal("users", "create", "bob")
	for range 3 {
		s.answers(first, "a good password")
		s.answers(second, "another password")
	}
	require.Error(t, s.cmd.Wait())
	s.shows("the password was not repeated correctly; nothing was changed")
	require.Len(t, o.listed("users", "list"), 1)

	o.write("secret.txt", "a good password\n")
	s = o.atTerminal("users", "create", "carol", "--secret-file", "secret.txt")
	require.NoError(t, s.cmd.Wait(), "a file is not asked twice")
}

func TestAnInterruptAtAPromptRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	s := migrated(t).atTerminal("apps", "add", appID)
	s.awaitPrompt("AppSecret (not shown): ")
	_, err := s.master.WriteString("0123\x03") // Ctrl-C
	require.NoError(t, err)
	require.Error(t, s.cmd.Wait())
	require.True(t, s.echoes())
	s.shows("no AppSecret was read: interrupt")
	require.NotContains(t, s.screen(), "0123")
}

func TestDevHasColorsAtATerminalUnlessNoColorIsSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env     string
		colored bool
	}{{"NO_COLOR=", true}, {"NO_COLOR=1", false}, {"TERM=dumb", false}} {
		s := newOperator(t).with("TERM=xterm", c.env).atTerminal("dev", "--addr", "127.0.0.1:0")
		s.shows("Simulator")
		require.Equal(t, c.colored, strings.Contains(s.screen(), "\x1b[1mLingpai is up"), c.env)
		require.Equal(t, c.colored, strings.Contains(s.screen(), "\x1b"), c.env)
		require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
		require.NoError(t, s.cmd.Wait())
	}
}
