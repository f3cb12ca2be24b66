package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/password"
)

// unit is something that a token's cost is compared with.
type unit struct {
	Count int     `json:"count"`
	CPU   float64 `json:"cpu_seconds"`
	Wall  float64 `json:"wall_seconds"`
}

func (u unit) microseconds() float64 {
	if u.Count == 0 {
		return 0
	}
	return u.CPU / float64(u.Count) * 1e6
}

// and is both measurements together.
func (u unit) and(other unit) unit {
	return unit{u.Count + other.Count, u.CPU + other.CPU, u.Wall + other.Wall}
}

// signature returns work that signs as the server does, with a key that was made by the same standard library.
func signature() (func() error, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte("as long as any other text, once it is hashed"))
	return func() error {
		_, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		return err
	}, nil
}

// passwordHash returns work that hashes a password as the server does.
func passwordHash() (func() error, error) {
	hasher := password.New(password.Options{})
	return func() error {
		_, err := hasher.Hash(context.Background(), "", "correct horse battery staple")
		return err
	}, nil
}

// measureUnit repeats work in this process and writes what it cost as JSON.
func measureUnit(out io.Writer, duration time.Duration, prepare func() (func() error, error)) error {
	work, err := prepare()
	if err != nil {
		return err
	}
	if err := repeat(work, duration/5, nil); err != nil { // warms up
		return err
	}
	var u unit
	before, measured := cpuTime(os.Getpid())
	start := time.Now()
	if err := repeat(work, duration, &u.Count); err != nil {
		return err
	}
	after, _ := cpuTime(os.Getpid())
	u.Wall = time.Since(start).Seconds()
	u.CPU = (after - before).Seconds()
	if !measured { // alone on a core, a loop without waiting takes about as much CPU as time
		u.CPU = u.Wall
	}
	return json.NewEncoder(out).Encode(u)
}

func repeat(work func() error, duration time.Duration, count *int) error {
	for start := time.Now(); time.Since(start) < duration; {
		if err := work(); err != nil {
			return err
		}
		if count != nil {
			*count++
		}
	}
	return nil
}

func (b *testbed) measureSignature(ctx context.Context, o options, progress io.Writer) (unit, error) {
	o.seconds /= 2 // it is measured twice as often as anything else
	u, err := b.measureUnit(ctx, o, "-sign")
	fmt.Fprintf(progress, "  %-58s %7.0f µs\n", "signature", u.microseconds())
	return u, err
}

// measureUnit has a child of this program measure a unit on the server's core, with the server idle.
func (b *testbed) measureUnit(ctx context.Context, o options, flag string) (unit, error) {
	var u unit
	self, err := os.Executable()
	if err != nil {
		return u, err
	}
	child := b.cores.command(ctx, b.cores.server, self, flag, "-seconds", strconv.FormatFloat(o.seconds, 'f', -1, 64))
	child.Env = append(cleanEnvironment(), "GOMAXPROCS=1")
	child.Stderr = os.Stderr
	text, err := child.Output()
	if err == nil {
		err = json.Unmarshal(text, &u)
	}
	if err == nil && u.Count == 0 {
		err = fmt.Errorf("nothing was measured in %v", o.duration())
	}
	return u, err
}

// librarySignature returns work that signs as the server does in this build, everything that it checks included.
func librarySignature() (func() error, error) {
	ring, err := keys.ParseRing("bench:" + base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		return nil, err
	}
	keeper, err := keys.Open(context.Background(), &keyStore{}, ring, keys.Options{Now: time.Now})
	if err != nil {
		return nil, err
	}
	set := keeper.Current()
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
func (s *keyStore) Update(_ context.Context, plan func(time.Time, []keys.Record) (keys.Change, error)) error {
	change, err := plan(time.Now(), nil)
	s.records = change.Records
	return err
}

// measureLibrary measures a signature of the build, and what OpenSSL's own program says that one takes; 0: it
// is not installed.
func (b *testbed) measureLibrary(ctx context.Context, o options, progress io.Writer) (signature unit, speed float64,
	err error) {
	if signature, err = b.measureUnit(ctx, o, "-sign-library"); err != nil {
		return unit{}, 0, err
	}
	fmt.Fprintf(progress, "  %-58s %7.0f µs\n", "signature by "+keys.BuiltBackend(), signature.microseconds())
	program, err := exec.LookPath("openssl")
	if err != nil {
		return signature, 0, nil
	}
	seconds := strconv.Itoa(int(math.Ceil(o.seconds)))
	text, err := b.cores.command(ctx, b.cores.server, program, "speed", "-mr", "-seconds", seconds, "rsa2048").Output()
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
