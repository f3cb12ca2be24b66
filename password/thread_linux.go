package password

import "syscall"

// hashNice leaves a thread about a tenth of a processor that others want too (sched(7)), so that hashes go on under any load.
const hashNice = 10

// giveWay lowers the priority of the calling thread, which nobody is refused.
func giveWay() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), hashNice) }
