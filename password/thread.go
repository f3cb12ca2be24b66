package password

import (
	"runtime"
	"sync"
)

// onOwnThread calls work on a new thread with the lowest priority: a hash takes as long as twenty tokens, and refreshes
// should not wait for it. The thread ends after the work, since its priority cannot be raised again. If work panics,
// onOwnThread panics with the same value.
func onOwnThread(work func()) {
	addProcessor()
	defer removeProcessor()
	panicked := make(chan any)
	go func() {
		runtime.LockOSThread() // without unlocking, so that the thread ends with the goroutine
		defer func() { panicked <- recover() }()
		lowerPriority()
		work()
	}()
	if value := <-panicked; value != nil {
		panic(value)
	}
}

// processors adds a processor to Go's scheduler (GOMAXPROCS) for each running hash. Only the operating system has
// priorities. Go's scheduler has none, so a hash would keep one of its processors busy until it is done.
//
// The processors are removed again when the hashes are done: with more of Go's processors than real ones, some requests
// wait until the operating system schedules their thread.
var processors struct {
	mutex  sync.Mutex
	hashes int
	before int // GOMAXPROCS without any hashes
}

func addProcessor() {
	processors.mutex.Lock()
	defer processors.mutex.Unlock()
	if processors.hashes == 0 {
		processors.before = runtime.GOMAXPROCS(0)
	}
	processors.hashes++
	runtime.GOMAXPROCS(processors.before + processors.hashes)
}

func removeProcessor() {
	processors.mutex.Lock()
	defer processors.mutex.Unlock()
	processors.hashes--
	runtime.GOMAXPROCS(processors.before + processors.hashes)
}
