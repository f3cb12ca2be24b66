//go:build unix

package dbtest

import (
	"os"
	"os/exec"
	"syscall"
)

// nobody is the user and the group for servers that refuse to run as root, as PostgreSQL does.
const nobody = 65534

// unprivileged has a command run as nobody if we are root.
func unprivileged(command *exec.Cmd) *exec.Cmd {
	if os.Getuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return command
}

// handOver gives a folder to whom unprivileged commands run as.
func handOver(folder string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(folder, nobody, nobody)
}
