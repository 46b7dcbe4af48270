package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/journal"
)

// heldEvery is the time between two reports of what a worker keeps: it looks at every frame.
const heldEvery = time.Second

// held is what the worker keeps, nil if that was told lately; at its end it is told once more.
func (w *worker) held() *control.Held {
	last := w.complete.Load() && !w.toldLast
	if time.Since(w.toldHeld) < heldEvery && !last {
		return nil
	}
	w.toldHeld, w.toldLast = time.Now(), w.toldLast || last
	past, logs := w.past.Held(), w.node.Worker().Held()
	h := &control.Held{
		RingBytes: logs.RingBytes, SpillBytes: logs.SpillBytes, Writing: control.Transfer{Bytes: past.WrittenBytes, Ns: int64(past.WritingTime)},
	}
	for _, k := range logs.Kept {
		e := &w.plan.Runtime.Edges[k.Edge]
		h.Logs = append(h.Logs, control.HeldLog{
			Edge: k.Edge, From: control.StageID(e.From), To: control.StageID(e.To), Node: k.Node,
			Bytes: k.Bytes, Spilled: k.Spilled, Frames: k.Frames, First: k.First, Last: k.Last, Dropped: k.Dropped,
		})
	}
	if over := len(h.Logs) - control.HeldLogsMax; over > 0 {
		slices.SortFunc(h.Logs, func(a, b control.HeldLog) int { return cmp.Compare(b.Bytes, a.Bytes) })
		h.Logs, h.LogsLeftOut = h.Logs[:control.HeldLogsMax], over
	}
	w.heldCopies(h)
	w.heldStreams(h)
	for _, s := range w.node.Shadowed() {
		if len(h.Shadows) < control.HeldLogsMax {
			h.Shadows = append(h.Shadows, control.HeldShadow(s))
		}
	}
	for _, u := range past.Units {
		if u.Images > 0 {
			h.Images = append(h.Images, control.HeldImages{
				Stage: control.StageID(u.Stage), Count: u.Images, Bytes: u.ImageBytes, Newest: u.NewestBytes, First: u.First, Last: u.Last,
			})
		}
		if j := u.Journal; j != nil {
			h.Journals = append(h.Journals, heldJournal(u.Stage, *j, false))
		}
	}
	journals := w.node.JournalStats()
	for _, stage := range slices.Sorted(maps.Keys(journals)) {
		h.Journals = append(h.Journals, heldJournal(stage, journals[stage], true))
	}
	return h
}

func heldJournal(stage int, j journal.Stats, atPeers bool) control.HeldJournal {
	return control.HeldJournal{
		Stage: control.StageID(stage), Bytes: j.Bytes, Records: j.Records, First: j.First, Last: j.Last, Waiting: j.Waiting, Full: j.Full, AtPeers: atPeers,
	}
}

// heldCopies tells what peers keep of this worker's logs, and it of theirs.
func (w *worker) heldCopies(h *control.Held) {
	served := w.node.Served()
	h.CopyBytes, h.ServedBytes, h.ServedTicks = uint64(w.node.CopyBytes()), served.Held, served.Ticks
	for _, l := range w.node.CopyLags() {
		h.Copies = append(h.Copies, control.HeldCopy{Edge: l.Edge, Node: l.Node, Peer: l.Peer, Linked: l.Linked, LagBytes: l.Bytes, LagTicks: l.Ticks, Gaps: l.Gaps})
	}
	if over := len(h.Copies) - control.HeldLogsMax; over > 0 {
		slices.SortFunc(h.Copies, func(a, b control.HeldCopy) int { return cmp.Compare(b.LagBytes, a.LagBytes) })
		h.Copies, h.CopiesLeftOut = h.Copies[:control.HeldLogsMax], over
	}
}

// heldStreams tells how far what this worker sends is persisted.
func (w *worker) heldStreams(h *control.Held) {
	streams, err := w.node.Streams()
	for _, s := range streams {
		h.Streams = append(h.Streams, control.HeldStream{
			Edge: s.Edge, Through: s.Through, Whole: s.Whole, Bytes: s.Bytes, Frames: s.Frames, Objects: s.Objects, Written: s.Written,
		})
	}
	if len(h.Streams) > control.HeldLogsMax {
		slices.SortFunc(h.Streams, func(a, b control.HeldStream) int { return cmp.Compare(b.Bytes, a.Bytes) })
		h.Streams = h.Streams[:control.HeldLogsMax]
	}
	if err != nil {
		h.StreamsFailing = err.Error()
	}
}
