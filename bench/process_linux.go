package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of times in /proc. It is a hundredth of a second on every architecture that Go supports,
// whatever the kernel's own is.
const tick = 10 * time.Millisecond

// cpuTime returns the CPU time of all threads of a process; false if it is unknown.
func cpuTime(pid int) (time.Duration, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, false
	}
	ticks, err := parseStat(text)
	return time.Duration(ticks) * tick, err == nil
}

// parseStat returns utime+stime, the fields 14 and 15 of proc_pid_stat(5). The second field is the program's
// name in parentheses, which may itself have spaces and parentheses, so fields are counted from the last
// parenthesis.
func parseStat(text []byte) (int64, error) {
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("too few fields")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	return user + system, errors.Join(err1, err2)
}

// programName returns the name of a process's program; "" if it is unknown.
func programName(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}

// residentMemory returns a process's current and peak resident memory in bytes; zeros if they are unknown.
func residentMemory(pid int) memory {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}
	}
	return memory{Now: parseKilobytes(text, "VmRSS"), Peak: parseKilobytes(text, "VmHWM")}
}

// parseKilobytes returns a line's figure of proc_pid_status(5) in bytes.
func parseKilobytes(text []byte, name string) int64 {
	fields := strings.Fields(statusLine(text, name))
	if len(fields) != 2 || fields[1] != "kB" {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(fields[0], 10, 64)
	return kilobytes << 10
}

func statusLine(text []byte, name string) string {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// allowedCores returns the cores that this process may use: a container may have been given only some.
func allowedCores() []int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	return parseCores(statusLine(text, "Cpus_allowed_list"))
}

// parseCores reads a list such as "0-2,7".
func parseCores(text string) []int {
	var cores []int
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		first, err1 := strconv.Atoi(low)
		last, err2 := strconv.Atoi(high)
		if err1 != nil || err2 != nil {
			return nil
		}
		for core := first; core <= last; core++ {
			cores = append(cores, core)
		}
	}
	return cores
}

// dropFromCache removes a file from the system's cache, as after an installation. A program that was just linked is
// cached in such large pieces that all of it would count as resident memory of its process.
func dropFromCache(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED), file.Close())
}
