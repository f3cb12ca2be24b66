package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// dropFromCache has a file read from the disk when it is needed next, as after an installation. What a linker
// has just written lies in the system's cache in pieces so large that all of a program would count as
// resident memory of its process.
func dropFromCache(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED), file.Close())
}
