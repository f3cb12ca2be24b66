//go:build unix

package dbtest

import (
	"os"
	"os/exec"
	"syscall"
)

// nobody is the user and group id for servers that refuse to run as root, as PostgreSQL does.
const nobody = 65534

// unprivileged makes a command run as nobody if this process runs as root.
func unprivileged(command *exec.Cmd) *exec.Cmd {
	if os.Getuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return command
}

// giveToNobody makes nobody the owner of a folder if this process runs as root.
func giveToNobody(folder string) error {
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(folder, nobody, nobody)
}
