package live

import (
	"testing"
	"time"

	"github.com/streamscope/streamscope/control/events"
	"github.com/streamscope/streamscope/ringlog/frame"
)

const none = frame.MaxTick

func report(node, life uint32, executed, saved []frame.Tick) events.Happening {
	return events.Happening{Kind: "report", Node: node, Life: life, Executed: executed, Saved: saved}
}

// TestWorkersHear: what one life says is not taken for another's, and strangers are not heard.
func TestWorkersHear(t *testing.T) {
	ws := make(Workers, 2)
	for i, c := range []struct {
		h       events.Happening
		changed bool
		rows    uint64
	}{
		{events.Happening{Kind: "hello", Node: 1, Life: 1, PID: 7}, true, 0},
		{events.Happening{Kind: "progress", Node: 1, Life: 1, In: 10}, false, 10},
		{events.Happening{Kind: "progress", Node: 1, Life: 1, In: 15}, false, 5},
		{report(1, 1, []frame.Tick{none, 9}, []frame.Tick{0, 4}), false, 0},
		{events.Happening{Kind: "hello", Node: 2, Life: 1, PID: 8}, false, 0},
	} {
		if changed, rows := ws.Hear(c.h); changed != c.changed || rows != c.rows {
			t.Errorf("%d: got %v and %d rows, want %v and %d", i, changed, rows, c.changed, c.rows)
		}
	}
	if tick, ok := ws[1].LastStage(); ws[1].PID != 7 || ws[1].Behind() != 5 || tick != 9 || !ok {
		t.Errorf("got %+v", ws[1])
	}
	ws.Hear(events.Happening{Kind: "hello", Node: 1, Life: 2, PID: 9})
	ws.Hear(events.Happening{Kind: "lost", Node: 1, Life: 1})
	ws.Hear(report(1, 1, []frame.Tick{none, 10}, []frame.Tick{0, 10}))
	if _, ok := ws[1].LastStage(); ws[1].PID != 9 || ok || ws[1].Behind() != 0 {
		t.Errorf("got %+v of the second life", ws[1])
	}
	if changed, _ := ws.Hear(events.Happening{Kind: "lost", Node: 1, Life: 2}); !changed || ws[1].PID != 0 {
		t.Errorf("got %+v after the loss", ws[1])
	}
}

// TestOutage: it ends when the successor has passed its predecessor; what stood in between counts, not what was still on its way.
func TestOutage(t *testing.T) {
	ws := make(Workers, 2)
	for _, n := range []uint32{0, 1} {
		ws.Hear(events.Happening{Kind: "hello", Node: n, Life: 1, PID: 7})
	}
	ws.Hear(report(1, 1, []frame.Tick{none, 20}, []frame.Tick{0, 4}))
	at := time.UnixMilli(1000)
	o := ws.Outage(1, true, at)
	alive := ws.Outage(1, false, at)
	step := func(ms int, over bool) {
		t.Helper()
		if got := o.Advanced(ws, at.Add(time.Duration(ms)*time.Millisecond)); got != over {
			t.Errorf("after %d ms: over %v, want %v", ms, got, over)
		}
	}
	step(40, false) // on its way
	ws.Hear(report(1, 1, []frame.Tick{none, 21}, []frame.Tick{0, 4}))
	step(50, false)
	if !alive.Advanced(ws, at) {
		t.Error("one that lives and goes on has no outage")
	}
	ws.Hear(events.Happening{Kind: "lost", Node: 1, Life: 1})
	ws.Hear(events.Happening{Kind: "hello", Node: 1, Life: 2, PID: 8})
	step(250, false)
	ws.Hear(report(1, 2, []frame.Tick{none, 20}, []frame.Tick{0, 4}))
	step(300, false)
	ws.Hear(report(1, 2, []frame.Tick{none, 21}, []frame.Tick{0, 4}))
	step(310, true)
	if all := ws.Outage(-1, true, at); !all.Advanced(ws, at) {
		t.Error("the first tick after everything died ends nothing")
	}
	if o.Longest != 200*time.Millisecond {
		t.Errorf("it stood still for %v, want 200ms", o.Longest)
	}
}
