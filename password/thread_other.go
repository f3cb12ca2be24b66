//go:build !linux

package password

// lowerPriority does nothing: only processes have priorities here, not threads.
func lowerPriority() {}
