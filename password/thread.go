package password

import "runtime"

// onOwnThread does work on a thread of its own, which gives way to all others of the process: a hash takes as long as twenty tokens, and who refreshes a
// token is not to wait for it. The thread ends with the work, since its priority cannot be raised again.
func onOwnThread(work func()) {
	fault := make(chan any)
	go func() {
		runtime.LockOSThread() // and never unlocked: so the thread ends with this
		defer func() { fault <- recover() }()
		giveWay()
		work()
	}()
	if f := <-fault; f != nil {
		panic(f)
	}
}
