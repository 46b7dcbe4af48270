package runtime

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// What has become durable is told in the next step, however much the core has to execute: other nodes wait for it.
func TestDurableTicksAreToldFirst(t *testing.T) {
	src := &vertextest.MemorySource{MaxRead: 100, Rows: []*batch.Batch{testRows(rand.New(rand.NewPCG(1, 1)), 3000)}}
	var sink *vertextest.MemorySink
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	j := &memoryJournal{}
	p := threeStages(src, &sink, 9, false)
	d := newDisk(len(p.Stages))
	d.journals[0] = j
	recovery, err := d.recovery(p)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorker(Config{
		Plan: p, JobID: 1, Nodes: 1, Cores: 1, Incarnation: 1, Schedule: Schedule{Bytes: 1 << 12}, Admission: Admission{Ticks: 9, Bytes: 1 << 20},
		FrameBytes: 4096, CreditBytes: 1 << 16, LeaseBytes: 4096, Arena: arena, Pages: func(int) state.Pages { return state.NewHeapPages(0) },
		Nanotime: func() int64 { return 0 }, Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { t.Error(err) }, Recovery: recovery,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(w.Close(), arena.Close()); err != nil {
			t.Error(err)
		}
	}()
	c := w.Core(0)
	settled(t, c, 1)
	from, through := c.stages[0], c.stages[1]
	if n := len(j.records); n < 6 || from.sources[0].closed != 0 {
		t.Fatalf("%d ticks are cut and %d told without a record on disk, want 6 or more and 0", n, from.sources[0].closed)
	}
	step := func() {
		if _, err := c.Step(1); err != nil {
			t.Fatal(err)
		}
	}
	j.durable = 3
	for steps := 0; through.next() == 0; steps++ {
		if step(); steps > 100 {
			t.Fatal("no tick comes to the next stage")
		}
	}
	for n := 4; n <= 6; n++ {
		if through.next() == 0 {
			t.Fatalf("before record %d is on disk nothing is left to execute: the test looks at nothing", n)
		}
		j.durable = uint64(n)
		step()
		if got, want := from.sources[0].closed, j.records[n-1].Last; got != want {
			t.Fatalf("one step after its record is on disk: told up to tick %d, want %d", got, want)
		}
	}
}
