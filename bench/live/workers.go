package live

import (
	"github.com/streamscope/streamscope/control/events"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Worker is what was heard of a worker.
type Worker struct {
	PID  int // 0: there is none at the moment
	Life uint32
	// Executed is the tick that all its tasks have executed, by stage, MaxTick where it has none; Saved the newest that it has an image of.
	Executed []frame.Tick
	Saved    []frame.Tick
	In       uint64 // rows read in this life
}

// Behind is how many ticks a worker has executed beyond its newest image: the most of any of its stages.
func (w *Worker) Behind() uint64 {
	most := uint64(0)
	for i, t := range w.Executed {
		if t != frame.MaxTick && i < len(w.Saved) && t > w.Saved[i] {
			most = max(most, uint64(t-w.Saved[i]))
		}
	}
	return most
}

// LastStage is the tick that its tasks of the last stage have executed; false: it has none, or has not said.
func (w *Worker) LastStage() (frame.Tick, bool) {
	if n := len(w.Executed); n > 0 && w.Executed[n-1] != frame.MaxTick {
		return w.Executed[n-1], true
	}
	return 0, false
}

// Workers are those of a run by node.
type Workers []Worker

// Left are those that a manager has left, as far as they are known before another one has heard of them.
func (ws Workers) Left() Workers {
	left := make(Workers, len(ws))
	for n, w := range ws {
		left[n] = Worker{Life: w.Life, In: w.In}
	}
	return left
}

// Hear takes in what happened. It reports whether a process came or went, and the rows that were read since.
func (ws Workers) Hear(h events.Happening) (changed bool, rows uint64) {
	if int(h.Node) >= len(ws) {
		return false, 0
	}
	w := &ws[h.Node]
	switch h.Kind {
	case "hello":
		in := uint64(0)
		if w.Life == h.Life { // it lives on under another manager
			in = w.In
		}
		*w = Worker{PID: h.PID, Life: h.Life, In: in}
		return true, 0
	case "lost":
		if h.Life == w.Life {
			*w = Worker{}
			return true, 0
		}
	case "progress":
		rows, w.In = h.In-min(h.In, w.In), h.In
	case "report":
		if h.Life == w.Life {
			w.Executed, w.Saved = h.Executed, h.Saved
		}
	}
	return false, rows
}
