package terminal

import (
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"
)

// ReadHidden reads a line that somebody types at a terminal, without showing it. It returns "" at the end of the
// input. When the context ends it restores the terminal and returns the cause; the read itself cannot be stopped.
func ReadHidden(ctx context.Context, file *os.File) (string, error) {
	fd := int(file.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type line struct {
		text []byte
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		if errors.Is(l.err, io.EOF) {
			return "", nil
		}
		return string(l.text), l.err
	case <-ctx.Done():
		return "", errors.Join(context.Cause(ctx), term.Restore(fd, state))
	}
}
