package main

import (
	"os"
	"testing"
)

// awaitRead is for tests that send signals, which Windows does not have.
func awaitRead(*testing.T, *os.File) {}
