package plane

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// pinned runs f on a thread of its own, on one processor: the i-th of those that this process may use, in turn.
//
// The kernel keeps threads that wake each other near each other: two processes that exchange rows end up on one processor, while the other one
// idles, which halves what they do, for seconds.
func pinned(i int, f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	i %= before.Count()
	for cpu := 0; i >= 0; cpu++ {
		if before.IsSet(cpu) {
			if i--; i < 0 {
				one.Set(cpu)
			}
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	defer func() {
		if rerr := unix.SchedSetaffinity(0, &before); err == nil {
			err = rerr
		}
	}()
	return f()
}
