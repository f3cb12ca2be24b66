//go:build !linux

package main

import "time"

// cpuTime cannot tell here.
func cpuTime(int) (time.Duration, bool) { return 0, false }

// residentMemory cannot tell here.
func residentMemory(int) memory { return memory{} }

// allowedCores is unknown here, and so nothing is pinned.
func allowedCores() []int { return nil }
