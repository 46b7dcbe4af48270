package runtime

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// coreSliceNs is how long a core's thread asks to run at a time, the least that the kernel grants. A thread that has waited goes before those that
// ask for more; with the kernel's own slice, of some milliseconds, it would wait until the next tick of the kernel's clock for whoever runs, its
// neighbour included.
const coreSliceNs = 100_000

// ownThread has the calling goroutine run on a thread of its own, which ends with it, and asks for short slices. A core that went from thread to
// thread would be a new one for the kernel each time: it is then put where the thread that woke it runs, and two cores share one processor for
// tens of milliseconds while the other one idles. What the kernel refuses, or does not know (slices, before Linux 6.12), is done without.
func ownThread() {
	runtime.LockOSThread()
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL {
		return // whoever chose another policy knows better
	}
	attr.Runtime = coreSliceNs
	_ = unix.SchedSetAttr(0, attr, 0)
}
