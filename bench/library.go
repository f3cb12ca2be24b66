package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/keys"
)

// librarySignature returns work that signs as the server does in this build, everything that it checks included.
func librarySignature() (func() error, error) {
	ring, err := keys.ParseRing("bench:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		return nil, err
	}
	set, err := keys.Load(context.Background(), &keyStore{}, ring, keys.Options{Now: time.Now})
	if err != nil {
		return nil, err
	}
	if set.Backend() != keys.BuiltBackend() {
		return nil, fmt.Errorf("signatures are made by %s", set.Backend())
	}
	return func() error {
		_, err := set.SignDocument("at+jwt", []byte(`{}`))
		return err
	}, nil
}

// keyStore is a keys.Store for one who comes once.
type keyStore struct{ records []keys.Record }

// Keys implements keys.Store.
func (s *keyStore) Keys(context.Context) ([]keys.Record, error) { return s.records, nil }

// Update implements keys.Store.
func (s *keyStore) Update(_ context.Context, plan func(time.Time, []keys.Record) ([]keys.Record, error)) (err error) {
	s.records, err = plan(time.Now(), nil)
	return err
}

// measureLibrary measures a signature of the build, and what OpenSSL's own program says that one takes; 0: it
// is not installed.
func (s *site) measureLibrary(ctx context.Context, o options, progress io.Writer) (signature unit, speed float64,
	err error) {
	if signature, err = s.measureUnit(ctx, o, "-sign-library"); err != nil {
		return unit{}, 0, err
	}
	fmt.Fprintf(progress, "  %-58s %7.0f µs\n", "signature by "+keys.BuiltBackend(), signature.microseconds())
	program, err := exec.LookPath("openssl")
	if err != nil {
		return signature, 0, nil
	}
	seconds := strconv.Itoa(int(math.Ceil(o.seconds)))
	text, err := s.cores.command(ctx, s.cores.server, program, "speed", "-mr", "-seconds", seconds, "rsa2048").Output()
	if err != nil {
		return unit{}, 0, fmt.Errorf("openssl speed: %w", err)
	}
	speed, err = parseSpeed(string(text))
	fmt.Fprintf(progress, "  %-58s %7.0f µs\n", "signature by openssl speed", speed)
	return signature, speed, err
}

// parseSpeed reads the microseconds of a signature from the line for machines: +F2:number:bits:signatures in
// a second:verifications in a second.
func parseSpeed(text string) (float64, error) {
	for line := range strings.Lines(text) {
		if fields := strings.Split(line, ":"); fields[0] == "+F2" && len(fields) == 5 {
			rate, err := strconv.ParseFloat(fields[3], 64)
			return 1e6 / rate, err
		}
	}
	return 0, fmt.Errorf("openssl speed printed no signature: %q", text)
}
