package plane

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// takenEvery is how often a process looks at what it takes.
const takenEvery = 10 * time.Millisecond

// taken watches what a process takes of memory and disk.
type taken struct {
	peak, spilled int64
	quit          chan struct{}
	done          sync.WaitGroup
}

// watch begins to look at this process and at the arena's spill file, until stop.
func (p *plant) watch() *taken {
	t := &taken{quit: make(chan struct{})}
	t.done.Go(func() {
		ticker := time.NewTicker(takenEvery)
		defer ticker.Stop()
		for {
			t.peak = max(t.peak, residentBytes())
			t.spilled = max(t.spilled, p.arena.Stats().SpilledBytes)
			select {
			case <-t.quit:
				return
			case <-ticker.C:
			}
		}
	})
	return t
}

// stop returns the most that was seen, in bytes.
func (t *taken) stop() (peak, spilled int64) {
	close(t.quit)
	t.done.Wait()
	return t.peak, t.spilled
}

// residentBytes is the memory of this process that is there now, rings included; 0 where the kernel does not say.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
