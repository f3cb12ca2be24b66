package password

import "syscall"

// hashNice is the lowest priority with which a thread still gets a share of a busy processor (sched(7)). So hashes make
// progress under any load, but tokens have priority.
const hashNice = 19

// lowerPriority lowers the priority of the calling thread. That needs no privileges.
func lowerPriority() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), hashNice) }
