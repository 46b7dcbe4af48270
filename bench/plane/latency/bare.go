package latency

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
)

const (
	bareRows     = 1024    // summed at a time: a piece of work
	bareBytes    = 4 << 20 // that a thread sums in turn
	bareInstants = 16      // instants of a tick at which something is due
	bareSlackNs  = 1       // of the timers of its thread
)

// bare measures what threads without an engine do under the same schedule: each has to sum, at the end of every tick, what it can sum in half of
// a tick, and sleeps until the next one ends. What is due in a tick is done when its sums are; nothing is handed from one to the other. A latency is
// counted as those of rows are, so that whoever is late for one tick is late for those that fell due meanwhile.
func (s shape) bare(ctx context.Context, d time.Duration) *hdrhistogram.Histogram {
	workers := make([]*bareWorker, s.cores)
	for i := range workers {
		workers[i] = newBareWorker()
	}
	each := func(f func(w *bareWorker)) {
		var wg sync.WaitGroup
		for _, w := range workers {
			wg.Go(func() {
				runtime.LockOSThread() // and the thread ends with the goroutine
				_ = unix.Prctl(unix.PR_SET_TIMERSLACK, bareSlackNs, 0, 0, 0)
				f(w)
			})
		}
		wg.Wait()
	}
	each(func(w *bareWorker) {
		n, took := measure.Repeat(d/4, w.piece)
		w.pieces = max(1, int(float64(n)*float64(s.tick)/float64(took)/2))
	})
	start := time.Now()
	each(func(w *bareWorker) { w.run(ctx, start, s.tick, int((d-d/4)/s.tick)) })
	for _, w := range workers[1:] {
		workers[0].us.Merge(w.us)
	}
	return workers[0].us
}

// bareWorker is a thread that has something to do in every tick.
type bareWorker struct {
	columns [4][]int64
	at      int // row that the next piece begins with
	sums    rows.Sums
	pieces  int // of work in a tick
	us      *hdrhistogram.Histogram
}

func newBareWorker() *bareWorker {
	w := &bareWorker{us: hdrhistogram.New(1, longest.Microseconds(), 3)}
	for i := range w.columns {
		w.columns[i] = make([]int64, bareBytes/rows.Bytes)
	}
	return w
}

func (w *bareWorker) piece() {
	c, end := &w.columns, w.at+bareRows
	w.sums.AddColumns(c[0][w.at:end], c[1][w.at:end], c[2][w.at:end], c[3][w.at:end])
	w.at = end % len(c[0])
}

// run does the work of so many ticks.
func (w *bareWorker) run(ctx context.Context, start time.Time, tick time.Duration, ticks int) {
	for t := 1; t <= ticks && ctx.Err() == nil; t++ {
		for wait := time.Until(start.Add(time.Duration(t) * tick)); wait > 0; wait = time.Until(start.Add(time.Duration(t) * tick)) {
			until := unix.NsecToTimespec(int64(wait))
			_ = unix.Nanosleep(&until, nil) // a signal makes it shorter
		}
		for range w.pieces {
			w.piece()
		}
		done := time.Since(start)
		for i := range bareInstants {
			due := time.Duration(t-1)*tick + tick*time.Duration(i)/bareInstants
			_ = w.us.RecordValue((done - due).Microseconds()) // none is longer than the run
		}
	}
}
