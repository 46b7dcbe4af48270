package ringlog

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestTruncatedWhileUsed: a foreigner truncates the files of one log while its writer, its readers, a lessee and the driver are at work. All of them are
// told; another log of the arena goes on to its end, and the memory comes back.
func TestTruncatedWhileUsed(t *testing.T) {
	if raceBuild {
		return // it has no files
	}
	for range crashTimes(3) {
		truncateWhileUsed(t)
	}
}

func truncateWhileUsed(t *testing.T) {
	const most, other = 1 << 30, 1500
	a := testArena(t, Tmpfs, 8)
	wake := make([]chan struct{}, 2)
	var logs [2]*Log
	for i := range logs {
		wake[i] = make(chan struct{}, 1)
		logs[i] = testLog(t, a, LogConfig{Core: frame.CoreID(i), Sums: true, Wake: func() { poke(wake[i]) }})
	}
	a.Start()
	var all sync.WaitGroup
	var done [2]atomic.Uint64
	errs := [2]chan error{make(chan error, 4), make(chan error, 4)}
	run := func(i int, f func() error) {
		all.Go(func() {
			var err error
			fault := a.Guard(func() { err = f() })
			errs[i] <- errors.Join(fault, err)
			poke(wake[i]) // a writer that waits for room that its reader would have made
		})
	}
	for i, frames := range [2]int{most, other} {
		run(i, func() error { return writeRaced(logs[i], frames, wake[i]) })
		run(i, func() error {
			return readRaced(logs[i], frames, func(tick frame.Tick, pos frame.Pos) error {
				done[i].Store(uint64(tick))
				lease, err := logs[i].Acquire(pos)
				if err != nil {
					return err
				}
				defer lease.Release()
				_, err = checkFrame(pos, lease.Bytes())
				logs[i].Trim(chainA, tick)
				return err
			})
		})
	}
	all.Go(func() { // once the log is in full swing
		for done[0].Load() < 300 && logs[0].Err() == nil {
			runtime.Gosched()
		}
		for cut := false; !cut && logs[0].Err() == nil; {
			logs[0].mu.Lock()
			for _, u := range logs[0].mu.units { // there may be none at the moment
				cut = true
				if err := os.Truncate(u.seg.path, 0); err != nil {
					t.Error(err)
				}
			}
			logs[0].mu.Unlock()
		}
	})
	for range 2 {
		if err := <-errs[0]; !errors.Is(err, ErrPoisoned) {
			t.Errorf("of the truncated log: %v, want %v", err, ErrPoisoned)
		}
		if err := <-errs[1]; err != nil {
			t.Errorf("of the other log: %v", err)
		}
	}
	all.Wait()
	if st := a.Stats(); st.Leases != 0 {
		t.Errorf("%d leases are left", st.Leases)
	}
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
