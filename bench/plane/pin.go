package plane

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// pinned runs f on a thread of its own, on one processor: the i-th of those that this process may use, in turn.
//
// The kernel keeps threads that wake each other near each other: two processes that exchange rows end up on one processor, while the other one
// idles, which halves what they do, for seconds.
func pinned(i int, f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	one, _ := share(&before, i%before.Count(), before.Count())
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.SchedSetaffinity(0, &before)) }()
	return f()
}

// confined runs f while this process, all its threads, keeps to its share of the processors: the i-th of two processes that are measured
// together. Where they are not apart, or have no processors to share, nothing is confined.
func confined(apart bool, i int, f func() error) (err error) {
	if !apart {
		return f()
	}
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	own, n := share(&before, i, 2)
	if n == 0 {
		return f()
	}
	procs := runtime.GOMAXPROCS(n)
	defer runtime.GOMAXPROCS(procs)
	if err := settle(&own); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, settle(&before)) }()
	return f()
}

// share is the i-th of n shares of the processors, and how many they are.
func share(all *unix.CPUSet, i, n int) (own unix.CPUSet, count int) {
	seen := 0
	for cpu := 0; seen < all.Count(); cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		if seen%n == i {
			own.Set(cpu)
			count++
		}
		seen++
	}
	return own, count
}

// settle moves every thread of this process; those to come follow whoever starts them.
func settle(to *unix.CPUSet) error {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, t := range tasks {
		id, err := strconv.Atoi(t.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(id, to); err != nil && !errors.Is(err, unix.ESRCH) { // it may have ended
			return fmt.Errorf("processors of thread %d: %w", id, err)
		}
	}
	return nil
}
