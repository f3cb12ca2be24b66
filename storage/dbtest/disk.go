package dbtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Disk is a small file system for the test alone, which it can fill, and make read-only.
type Disk struct {
	Folder string // where it is mounted
	t      testing.TB
}

// SmallDisk mounts 4 MiB of memory. It skips the test if this process may not mount.
func SmallDisk(t testing.TB) *Disk {
	t.Helper()
	return mount(t, "-t", "tmpfs", "-o", "size=4m", "tmpfs")
}

// FailingDisk mounts a file of 8 MiB, which Fail can make read-only while it is in use. It skips the test if this
// process may not mount, or has no loop devices.
func FailingDisk(t testing.TB) *Disk {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(image, nil, 0o600))
	require.NoError(t, os.Truncate(image, 8<<20))
	mkfs := installed("mkfs.ext4", "/usr/sbin")
	if mkfs == "" {
		unavailable(t, "mkfs.ext4", "PATH")
	}
	out, err := exec.Command(mkfs, "-q", "-O", "^has_journal", image).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return mount(t, "-o", "loop,errors=remount-ro", image)
}

// mount runs mount with the arguments, on a new folder.
func mount(t testing.TB, arguments ...string) *Disk {
	t.Helper()
	d := &Disk{t.TempDir(), t}
	if out, err := exec.Command("mount", append(arguments, d.Folder)...).CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: mount: %s %s", err, out)
	}
	t.Cleanup(func() { d.run("umount", "--lazy", d.Folder) })
	return d
}

// Fill writes a file until the disk is full.
func (d *Disk) Fill() {
	d.t.Helper()
	file, err := os.Create(d.filler())
	require.NoError(d.t, err)
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	require.ErrorContains(d.t, err, "no space left")
	require.NoError(d.t, file.Close())
}

// Empty undoes Fill.
func (d *Disk) Empty() { require.NoError(d.t, os.Remove(d.filler())) }

func (d *Disk) filler() string { return filepath.Join(d.Folder, "filler") }

// Remount mounts it again as "ro" or "rw". No file on it may be open for writing.
func (d *Disk) Remount(how string) { d.run("mount", "-o", "remount,"+how, d.Folder) }

// Fail makes a FailingDisk read-only, as the kernel does when it finds an error in a file system. It skips the test if
// this process may not.
func (d *Disk) Fail() {
	d.t.Helper()
	source, err := exec.Command("findmnt", "-no", "SOURCE", d.Folder).Output()
	require.NoError(d.t, err)
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(strings.TrimSpace(string(source))), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("1"), 0o200); err != nil {
		d.t.Skipf("NOT RUN: %s", err)
	}
}

func (d *Disk) run(command string, arguments ...string) {
	d.t.Helper()
	out, err := exec.Command(command, arguments...).CombinedOutput()
	require.NoError(d.t, err, "%s", out)
}
