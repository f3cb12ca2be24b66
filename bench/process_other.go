//go:build !linux

package main

import (
	"time"
)

// cpuTime is unknown here.
func cpuTime(int) (time.Duration, bool) { return 0, false }

// programName is unknown here.
func programName(int) string { return "" }

// residentMemory is unknown here.
func residentMemory(int) memory { return memory{} }

// allowedCores is unknown here, so nothing is pinned.
func allowedCores() []int { return nil }

// dropFromCache is only needed on Linux, where resident memory is measured.
func dropFromCache(string) error { return nil }
