package events

import (
	"encoding/json"
	"io"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Happening is a line of a run's events.
type Happening struct {
	// UnixMs is when the manager heard of it, in milliseconds since 1970.
	UnixMs int64 `json:"unix_ms"`
	// Kind is spawn, hello, run, report, progress, lost, failed, waits, mark, base, adopt, takeover or end.
	Kind string `json:"kind"`
	// Node and Life name the worker and its incarnation.
	Node uint32 `json:"node"`
	Life uint32 `json:"life,omitempty"`
	PID  int    `json:"pid,omitempty"`
	// Executed is by stage the tick that all tasks of the worker have executed, Saved the newest of which they have an image; of a report. Second instances
	// are left out.
	// null: the worker has no tasks of the stage, or they have executed everything.
	Executed Ticks        `json:"executed,omitempty"`
	Saved    []frame.Tick `json:"saved,omitempty"`
	// Tick of a mark; of a takeover, the least from which somebody goes on, with the number of workers that were Adopted.
	Tick    frame.Tick `json:"tick,omitempty"`
	Adopted int        `json:"adopted,omitempty"`
	// In and Out are the worker's rows read from sources and written to sinks in this life; of progress.
	In  uint64 `json:"in,omitempty"`
	Out uint64 `json:"out,omitempty"`
	// PauseMs is how long a worker waits for its snapshot store until the next start.
	PauseMs int64 `json:"pause_ms,omitempty"`
	// Reason of a loss, a failure, a wait or an end; an end without one is a good one.
	Reason string `json:"reason,omitempty"`
}

// Observer writes what happens as lines, of so many stages; nil for no writer. A writer that fails is not written to again: a run does not end for its observer.
func Observer(w io.Writer, stages int) func(control.Event, []control.Effect) {
	if w == nil {
		return nil
	}
	e := json.NewEncoder(w)
	failed := false
	say := func(h Happening) {
		h.UnixMs = time.Now().UnixMilli()
		if !failed {
			failed = e.Encode(h) != nil
		}
	}
	return func(ev control.Event, effects []control.Effect) {
		if h, ok := happened(ev, stages); ok {
			say(h)
		}
		for _, effect := range effects {
			if h, ok := follows(effect); ok {
				say(h)
			}
		}
	}
}

func happened(ev control.Event, stages int) (h Happening, ok bool) {
	from, _ := control.Sender(ev)
	h.Node, h.Life = uint32(from.Node), uint32(from.Incarnation)
	switch ev := ev.(type) {
	case control.Hello:
		h.Kind, h.PID = "hello", ev.PID
	case control.Progress:
		h.Kind, h.In, h.Out = "progress", ev.Stats.EventsIn, ev.Stats.EventsOut
	case control.Reported:
		h.Kind, h.Executed = "report", ev.Executed[:min(stages, len(ev.Executed))]
		h.Saved = make([]frame.Tick, len(h.Executed))
		for _, s := range ev.Saved {
			if int(s.Stage) < len(h.Saved) {
				h.Saved[s.Stage] = max(h.Saved[s.Stage], s.Tick)
			}
		}
	case control.Failed:
		h.Kind, h.Reason = "failed", ev.Reason
	case control.Lost:
		h.Kind, h.Node, h.Life, h.Reason = "lost", uint32(ev.Node), uint32(ev.Incarnation), ev.Reason
	default:
		return h, false
	}
	return h, true
}

func follows(effect control.Effect) (Happening, bool) {
	switch e := effect.(type) {
	case control.Spawn:
		return Happening{Kind: "spawn", Node: uint32(e.Node), Life: uint32(e.Incarnation)}, true
	case control.Run:
		return Happening{Kind: "run", Node: uint32(e.Node)}, true
	case control.Mark:
		return Happening{Kind: "mark", Node: uint32(e.Node), Tick: e.Tick}, true
	case control.Persist:
		return Happening{Kind: "base"}, len(e.Txn.Bases) > 0
	case control.Waits:
		return Happening{Kind: "waits", Node: uint32(e.Node), PauseMs: e.PauseNs / 1e6, Reason: e.Reason}, true
	case control.TookOver:
		return Happening{Kind: "takeover", Tick: e.Tick, Adopted: e.Adopted}, true
	case control.Adopt:
		return Happening{Kind: "adopt", Node: uint32(e.Node)}, true
	case control.End:
		return Happening{Kind: "end", Reason: e.Outcome.Reason}, true
	}
	return Happening{}, false
}
