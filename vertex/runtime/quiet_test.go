package runtime

import (
	"errors"
	"io"
	"testing"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// doorSource has no rows until its door opens, then one batch in each split, then the end.
type doorSource struct {
	splits int
	open   bool
	reads  int
	wakes  []func()
}

type doorReader struct {
	source *doorSource
	at     int
}

func (s *doorSource) Schema() *batch.Schema { return rowSchema }

func (s *doorSource) Splits() ([]vertex.Split, error) {
	splits := make([]vertex.Split, s.splits)
	for i := range splits {
		splits[i].ID = uint32(i)
	}
	return splits, nil
}

func (s *doorSource) Open(_ vertex.Split, _ vertex.SnapshotReader, wake func()) (vertex.SplitReader, error) {
	s.wakes = append(s.wakes, wake)
	return &doorReader{source: s}, nil
}

func (r *doorReader) Read(int) (*batch.Batch, error) {
	r.source.reads++
	if !r.source.open {
		return nil, nil
	}
	if r.at++; r.at > 1 {
		return nil, io.EOF
	}
	b := batch.NewBuilder(rowSchema)
	b.AppendTime(7, 0, 0)
	b.Cols[0].AppendInt64(1)
	b.Cols[1].AppendInt64(2)
	return b.View(), nil
}

func (r *doorReader) Position(vertex.SnapshotWriter)  {}
func (r *doorReader) Counters() vertex.SourceCounters { return vertex.SourceCounters{} }
func (r *doorReader) Close() error                    { return nil }

// idleWorker has as many source tasks as src has splits, in ticks of 100 ns.
func idleWorker(t *testing.T, src *doorSource, cores int, wake func(core int), sink **vertextest.MemorySink) *Worker {
	t.Helper()
	rows := &vertextest.MemorySource{Rows: make([]*batch.Batch, src.splits)}
	plan := threeStages(rows, sink, 3, true)
	plan.Stages[0].Source = src
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorker(Config{
		Plan: plan, JobID: 1, Nodes: 1, Cores: cores, Incarnation: 1, Schedule: Schedule{Length: 100, StartNs: 1}, Admission: Admission{Ticks: 9, Bytes: 1 << 20},
		FrameBytes: 4096, CreditBytes: 4096, LeaseBytes: 4096, Arena: arena, Pages: func(int) state.Pages { return nil },
		Nanotime: func() int64 { return 0 }, Wake: wake, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(w.Close(), arena.Close()); err != nil {
			t.Error(err)
		}
	})
	return w
}

// settled steps a core at time now until it has nothing to do.
func settled(t *testing.T, c *Core, now int64) {
	t.Helper()
	for worked, steps := true, 0; worked; steps++ {
		var err error
		if worked, err = c.Step(now); err != nil {
			t.Fatal(err)
		}
		if steps > 10_000 {
			t.Fatalf("no rest after %d steps at time %d", steps, now)
		}
	}
}

// TestIdleTasksAreNotTouched: no reader of an idle source is asked again before it says so; all stages go on with the clock, also over ticks
// that the core slept through; and rows that come are taken.
func TestIdleTasksAreNotTouched(t *testing.T) {
	src := &doorSource{splits: 50}
	var sink *vertextest.MemorySink
	w := idleWorker(t, src, 1, func(int) {}, &sink)
	c := w.Core(0)
	settled(t, c, 1)
	for _, now := range []int64{101, 201, 202, 250, 301, 790, 801} {
		tick := frame.Tick(1 + (now-1)/100)
		src.reads = 0
		settled(t, c, now)
		for range 5 {
			settled(t, c, now)
		}
		for i, s := range c.stages {
			if s.executed != tick-1 {
				t.Errorf("time %d: stage %d has executed tick %d, want %d", now, i, s.executed, tick-1)
			}
		}
		if src.reads != 0 {
			t.Errorf("time %d: %d reads of %d idle tasks, want none", now, src.reads, src.splits)
		}
		if d := c.Deadline(); d != 1+100*int64(tick) {
			t.Errorf("time %d: the core wants to be stepped at %d, want %d", now, d, 1+100*int64(tick))
		}
	}
	src.open = true
	src.wakes[3]()
	settled(t, c, 805)
	if !w.Done() || sink.Rows.Len() != src.splits {
		t.Errorf("after the wake: done %v with %d rows, want %d", w.Done(), sink.Rows.Len(), src.splits)
	}
}

// TestIdleJobsWakeAtOnce: cores of a job that has been idle for long look at the clock seldom, and a source that stirs on one of them wakes the
// others, so that its rows do not wait for their closes.
func TestIdleJobsWakeAtOnce(t *testing.T) {
	src := &doorSource{splits: 10}
	var sink *vertextest.MemorySink
	woken := map[int]bool{}
	w := idleWorker(t, src, 2, func(core int) { woken[core] = true }, &sink)
	all := func(now int64) {
		t.Helper()
		for range 4 { // what one closes, the other executes
			settled(t, w.Core(0), now)
			settled(t, w.Core(1), now)
		}
	}
	now := 2 * int64(idleAfter)
	now += 50 - now%100 // in the middle of a tick
	all(1)
	all(now)
	for c := range 2 {
		if d := w.Core(c).Deadline(); d < now+100*(idleTicks-1) {
			t.Fatalf("idle core %d wants to be stepped after %d ns, want about %d ticks", c, d-now, idleTicks)
		}
	}
	clear(woken)
	src.open = true
	for _, wake := range src.wakes[:5] { // the sources of core 0
		wake()
	}
	settled(t, w.Core(0), now)
	if !woken[1] {
		t.Error("core 1 sleeps on while core 0 has rows")
	}
	settled(t, w.Core(1), now)
	if d := w.Core(1).Deadline(); d > now+100 {
		t.Errorf("core 1 wants to be stepped after %d ns, in the middle of a tick of 100", d-now)
	}
	src.open = false
	all(now + 100)
	if n := sink.Rows.Len(); n != 5 {
		t.Errorf("a tick later %d rows have come, want 5", n)
	}
}
