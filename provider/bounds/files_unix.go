//go:build unix

package bounds

import "syscall"

// Affordable returns how many connections a process can have that wants so many: at most three quarters of the files
// that it may open.
func Affordable(wanted int) int {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) != nil {
		return wanted
	}
	return int(min(uint64(wanted), files.Cur/4*3))
}
