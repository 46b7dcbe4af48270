package jobs

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/bench/live"
	"github.com/streamscope/streamscope/control/events"
	"github.com/streamscope/streamscope/ringlog/frame"
)

const noTask = frame.MaxTick

// TestDrillCountsWhatOthersDo: ticks of the others while the output stands, tasks that go back, processes that are lost besides the victim.
func TestDrillCountsWhatOthersDo(t *testing.T) {
	var found findings
	d := drill{found: &found, rng: rand.New(rand.NewPCG(1, 0)), workers: make(live.Workers, recoveryWorkers)}
	tell := func(node, life uint32, executed ...frame.Tick) {
		d.hear(events.Happening{Kind: "report", Node: node, Life: life, Executed: executed, Saved: make([]frame.Tick, len(executed))})
	}
	for n := range uint32(recoveryWorkers) {
		d.hear(events.Happening{Kind: "hello", Node: n, Life: 1, PID: 1 << 30})
	}
	tell(1, 1, noTask, 10, noTask)
	tell(2, 1, noTask, 10, noTask)
	tell(0, 1, 12, 11, 10)
	if d.next.IsZero() || d.top != 10 || !d.isSource(0) || d.isSource(1) {
		t.Fatalf("top %d, next %v", d.top, d.next)
	}
	d.faults = append(d.faults, fault{Outage: d.workers.Outage(1, true, d.advanced), lives: []uint32{1, 1, 1}, ticks: d.elsewhere(1), open: true})
	tell(2, 1, noTask, 14, noTask)
	d.hear(events.Happening{Kind: "hello", Node: 1, Life: 2, PID: 1 << 30})
	tell(1, 2, noTask, 13, noTask)
	tell(0, 1, 20, 11, 13)
	if len(found.gaps) != 1 || found.stood != 0 || found.rolledBack != 0 || !slices.Equal(found.elsewhere, []float64{4 + 8 + 3}) {
		t.Errorf("got %+v", found)
	}
	d.faults = append(d.faults, fault{Outage: d.workers.Outage(1, true, d.advanced), lives: []uint32{1, 2, 1}, ticks: d.elsewhere(1), open: true})
	tell(2, 1, noTask, 12, noTask) // back
	d.hear(events.Happening{Kind: "hello", Node: 1, Life: 3, PID: 1 << 30})
	d.hear(events.Happening{Kind: "hello", Node: 2, Life: 2, PID: 1 << 30})
	tell(1, 3, noTask, 16, noTask)
	tell(0, 1, 20, 11, 14)
	if found.rolledBack != 2 || len(found.gaps) != 2 {
		t.Errorf("got %+v", found)
	}
}
