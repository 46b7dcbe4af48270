package measure

import (
	"time"

	"golang.org/x/sys/unix"
)

// ProcessCPU is the processor time this process has used, user and system, over all its threads.
func ProcessCPU() time.Duration { return cpuClock(unix.CLOCK_PROCESS_CPUTIME_ID) }

// ThreadCPU is the processor time of the calling thread: for goroutines locked to theirs.
func ThreadCPU() time.Duration { return cpuClock(unix.CLOCK_THREAD_CPUTIME_ID) }

func cpuClock(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		return 0 // not on a Linux that Go runs on
	}
	return time.Duration(t.Nano())
}

// PerRow is a time in nanoseconds per row.
func PerRow(d time.Duration, rows uint64) float64 {
	if rows == 0 {
		return 0
	}
	return float64(d) / float64(rows)
}

// Repeat calls f until d has passed, at least once, and returns how often and how long that took.
func Repeat(d time.Duration, f func()) (n int, took time.Duration) {
	start := time.Now()
	for took < d || n == 0 {
		f()
		n++
		took = time.Since(start)
	}
	return n, took
}
