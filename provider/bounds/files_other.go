//go:build !unix

package bounds

// Affordable returns how many connections a process can have that wants so many. There is no limit on files.
func Affordable(wanted int) int { return wanted }
