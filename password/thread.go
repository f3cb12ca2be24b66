package password

import (
	"runtime"
	"sync"
)

// onOwnThread does work on a thread of its own, which gives way to all others of the process: a hash takes as
// long as twenty tokens, and who refreshes a token is not to wait for it. The thread ends with the work,
// since its priority cannot be raised again.
func onOwnThread(work func()) {
	enterRoom()
	defer leaveRoom()
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

// room is what hashes run in, beside everything else: Go's scheduler is given one processor more for each.
// Only the operating system knows of priorities. Within the processors of Go's own scheduler a hash would be
// everybody's equal, and hold one of them for as long as it takes.
//
// It is there only while there are hashes: with more of Go's processors than real ones, some requests wait
// for a turn of the operating system's.
var room struct {
	mutex  sync.Mutex
	hashes int
	before int // processors without any
}

func enterRoom() {
	room.mutex.Lock()
	defer room.mutex.Unlock()
	if room.hashes == 0 {
		room.before = runtime.GOMAXPROCS(0)
	}
	room.hashes++
	runtime.GOMAXPROCS(room.before + room.hashes)
}

func leaveRoom() {
	room.mutex.Lock()
	defer room.mutex.Unlock()
	room.hashes--
	runtime.GOMAXPROCS(room.before + room.hashes)
}
