package latency

import (
	"io"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// arriveEvery is how often rows arrive at the sources: those that fell due since.
const arriveEvery = 250 * time.Microsecond

// plan says when rows are due.
type plan struct {
	start    time.Time
	length   time.Duration
	nsPerRow float64 // of one source; 0: as fast as can be
}

// due is when row n of a source is due, in nanoseconds since the start. Vs of a row is its number.
func (p *plan) due(n int64) int64 { return int64(float64(n) * p.nsPerRow) }

// dueBy is the number of rows that are due at a time, and whether there will be more.
func (p *plan) dueBy(now time.Duration) (n uint64, more bool) {
	more = now < p.length
	if p.nsPerRow == 0 {
		if !more {
			return 0, false
		}
		return 1 << 62, true
	}
	return uint64(float64(min(now, p.length)) / p.nsPerRow), more
}

// source has a split per task; rows of split i are of stream i.
type source struct {
	plan  *plan
	tasks int
	made  []atomic.Uint64 // by split
	alarm alarm
}

func newSource(p *plan, tasks int) *source {
	return &source{plan: p, tasks: tasks, made: make([]atomic.Uint64, tasks)}
}

// Schema implements vertex.Source.
func (s *source) Schema() *batch.Schema { return rows.Schema }

// Splits implements vertex.Source.
func (s *source) Splits() ([]vertex.Split, error) {
	splits := make([]vertex.Split, s.tasks)
	for i := range splits {
		splits[i] = vertex.Split{Name: "paced " + strconv.Itoa(i), ID: uint32(i)}
	}
	return splits, nil
}

// Open implements vertex.Source.
func (s *source) Open(split vertex.Split, _ vertex.SnapshotReader, wake func()) (vertex.SplitReader, error) {
	s.alarm.wakes = append(s.alarm.wakes, wake)
	return &reader{plan: s.plan, stream: rows.Stream(split.ID), made: &s.made[split.ID], rows: batch.NewBuilder(rows.Schema)}, nil
}

// reader makes the rows that are due.
type reader struct {
	plan   *plan
	stream rows.Stream
	made   *atomic.Uint64
	rows   *batch.Builder
}

// Read implements vertex.SplitReader.
func (r *reader) Read(maxRows int) (*batch.Batch, error) {
	made := r.made.Load()
	due, more := r.plan.dueBy(time.Since(r.plan.start).Truncate(arriveEvery))
	switch {
	case due > made:
	case more:
		return nil, nil
	case made > 0 || r.plan.nsPerRow > 0:
		return nil, io.EOF
	default:
		due = uint64(maxRows) // the time was over before the first step: there is a rate all the same
	}
	n := int(min(uint64(maxRows), due-made))
	r.stream.Generate(r.rows, made, n)
	r.made.Store(made + uint64(n))
	return r.rows.View(), nil
}

// Position implements vertex.SplitReader.
func (r *reader) Position(w vertex.SnapshotWriter) { w.Uint64(r.made.Load()) }

// Counters implements vertex.SplitReader.
func (r *reader) Counters() vertex.SourceCounters { return vertex.SourceCounters{} }

// Close implements vertex.SplitReader.
func (r *reader) Close() error { return nil }

// alarm wakes the sources when rows arrive. The sleeps of Go's timers are rounded up to milliseconds in an idle process, those of a thread are not.
type alarm struct {
	wakes   []func()
	stopped atomic.Bool
	done    sync.WaitGroup
}

func (a *alarm) run() {
	a.done.Go(func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		for t := unix.NsecToTimespec(int64(arriveEvery)); !a.stopped.Load(); {
			_ = unix.Nanosleep(&t, nil) // a signal only makes it shorter
			for _, wake := range a.wakes {
				wake()
			}
		}
	})
}

func (a *alarm) stop() {
	a.stopped.Store(true)
	a.done.Wait()
}
