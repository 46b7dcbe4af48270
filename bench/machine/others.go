package machine

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hz is the unit of /proc/stat, the same on every Linux that Go runs on.
const hz = 100

// Watch tells who used the processors between two moments.
type Watch struct {
	total, busy float64 // seconds of all processors
	own         float64 // of this process and its children that have ended
}

// StartWatch begins.
func StartWatch() Watch {
	w := Watch{own: ownCPU().Seconds()}
	if b, err := os.ReadFile("/proc/stat"); err == nil {
		w.total, w.busy = parseStat(string(b))
	}
	return w
}

// Others is the share of all processors, 0 to 1, that others used since w: programs that are not this one or its ended children, and other
// guests of the same host. 0 if nothing can be read.
func (w Watch) Others() float64 {
	now := StartWatch()
	if now.total <= w.total {
		return 0
	}
	return max(0, (now.busy-w.busy-(now.own-w.own))/(now.total-w.total))
}

// parseStat sums the first line of /proc/stat: "cpu user nice system idle iowait irq softirq steal guest guest_nice", in 1/hz seconds.
// Guests' time is part of user's. Waiting and idling are not busy; stolen time is.
func parseStat(s string) (total, busy float64) {
	line, _, _ := strings.Cut(s, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, 0
	}
	for i, f := range fields[1:9] {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, 0
		}
		total += v
		if i != 3 && i != 4 {
			busy += v
		}
	}
	return total / hz, busy / hz
}

func ownCPU() time.Duration {
	total := int64(0)
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if unix.Getrusage(who, &r) == nil {
			total += r.Utime.Nano() + r.Stime.Nano()
		}
	}
	return time.Duration(total)
}
