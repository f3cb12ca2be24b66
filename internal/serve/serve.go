// Package serve opens the ports of programs, and serves HTTP until a program is to end.
package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"
)

// drainTime is how long requests in flight may take after the signal to stop.
const drainTime = 20 * time.Second

// Listen listens at the address of a setting or flag. Its error contains advice for the operator.
func Listen(setting, addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: %s is in use by another program, perhaps another lingpai; stop it, or "+
			"choose another address", setting, addr)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return listener, nil
}

// UntilDone serves until the context ends, then lets requests in flight finish.
func UntilDone(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(errors.New("requests in flight did not finish in time"), err)
	}
	return nil
}
