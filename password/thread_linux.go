package password

import "syscall"

// hashNice is the lowest priority that a thread can have and still be sure of a share of a processor that
// others want too (sched(7)): so hashes go on under any load, and every token comes first.
const hashNice = 19

// giveWay lowers the priority of the calling thread, which nobody is refused.
func giveWay() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), hashNice) }
