//go:build !linux

package password

// giveWay does nothing: priorities are of processes here, not of threads.
func giveWay() {}
