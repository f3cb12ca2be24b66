package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

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

func (s *site) measureSignature(ctx context.Context, o options, progress io.Writer) (unit, error) {
	o.seconds /= 2 // it is measured twice as often as anything else
	u, err := s.measureUnit(ctx, o, "-sign")
	fmt.Fprintf(progress, "  %-58s %7.0f µs\n", "signature", u.microseconds())
	return u, err
}

// measureUnit has a child of this program measure a unit on the server's core, with the server idle.
func (s *site) measureUnit(ctx context.Context, o options, flag string) (unit, error) {
	var u unit
	self, err := os.Executable()
	if err != nil {
		return u, err
	}
	child := s.cores.command(ctx, s.cores.server, self, flag, "-seconds", strconv.FormatFloat(o.seconds, 'f', -1, 64))
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
