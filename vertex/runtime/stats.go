package runtime

import (
	"slices"
	"sync/atomic"
)

// OpStats counts what one logical stage did on a worker, as if it were not fused.
type OpStats struct {
	Name    string
	RowsIn  uint64
	RowsOut uint64
	BusyNs  uint64
}

// Stats are a worker's figures so far.
type Stats struct {
	Ops       []OpStats // in the order of the plan, sources included; operators of the same name are one
	EventsIn  uint64    // rows that sources read, in all lives, each once
	EventsOut uint64    // rows that sinks took, likewise
	Late      uint64    // rows dropped because they were late, likewise
	Skipped   uint64    // bad rows left out by sources
	Diverted  uint64    // bad rows that sources wrote elsewhere
	Ticks     uint64    // the greatest tick that a source has cut
	LinkRows  uint64    // rows that came over links
}

// Stats adds up the figures of all cores; it may be called at any time from any goroutine.
func (w *Worker) Stats() Stats {
	t := Stats{LinkRows: w.exchange.RowsReceived()}
	index := map[string]int{}
	add := func(name string, in, out, busy uint64) {
		i, ok := index[name]
		if !ok {
			i = len(t.Ops)
			index[name] = i
			t.Ops = append(t.Ops, OpStats{Name: name})
		}
		o := &t.Ops[i]
		o.RowsIn += in
		o.RowsOut += out
		o.BusyNs += busy
	}
	for i := range w.cfg.Plan.Stages {
		st := &w.cfg.Plan.Stages[i]
		if st.Second {
			continue // the first instances count
		}
		for _, s := range w.runs(i) {
			if st.Source != nil {
				add(st.SourceName, s.source.in.Load(), s.source.out.Load(), s.source.busy.Load())
				t.EventsIn += s.before.in + s.source.in.Load()
			}
			for j := range st.Ops {
				out := s.ops[j].out.Load()
				if st.Sink != nil && j == len(st.Ops)-1 {
					out = s.sink.Load()
				}
				in := s.ops[j].in.Load()
				if st.continues(j) {
					in = 0
				}
				if st.continued(j) {
					out = 0
				}
				add(st.Ops[j].Name, in, out, s.ops[j].busy.Load())
			}
			t.EventsOut += s.before.sink + s.sink.Load()
			t.Late += s.before.late + s.late.Load()
			t.Skipped += s.skipped.Load()
			t.Diverted += s.diverted.Load()
			t.Ticks = max(t.Ticks, s.ticks.Load())
		}
	}
	return t
}

// continues reports whether an operator goes on under the name of one that it reads: rows between the two are nobody's input or output.
func (st *Stage) continues(op int) bool {
	for _, in := range st.Ops[op].Inputs {
		if in.Kind == FromOp && st.Ops[in.Index].Name == st.Ops[op].Name {
			return true
		}
	}
	return false
}

// continued reports whether an operator of the same name reads an operator's rows.
func (st *Stage) continued(op int) bool {
	for j := range st.Ops {
		if st.Ops[j].Name == st.Ops[op].Name && slices.Contains(st.Ops[j].Inputs, Input{Kind: FromOp, Index: op}) {
			return true
		}
	}
	return false
}

// runs lists the counters of a stage, by core.
func (w *Worker) runs(stage int) []*stageStats {
	var out []*stageStats
	for _, c := range w.cores {
		for _, s := range c.stages {
			if s.index == stage {
				out = append(out, s.stats)
			}
		}
	}
	return out
}

// opCounters are written by one core and read by anybody.
type opCounters struct{ in, out, busy atomic.Uint64 }

// stageStats counts for the operators of one stage on one core. The time between enter and leave is charged to one operator at a time:
// to the one entered last. The time until the same operator is entered again is charged to it, too, up to rest: with thousands of tasks it is
// entered for every few rows, and reading the clock would cost more than they do.
type stageStats struct {
	now      func() int64
	ops      []opCounters
	source   opCounters
	sink     atomic.Uint64 // rows the sink took
	late     atomic.Uint64
	skipped  atomic.Uint64
	diverted atomic.Uint64
	ticks    atomic.Uint64 // last tick that a source closed with rows or by its turn
	current  int           // operator being charged, or idle
	since    int64
	left     bool // current was left, and the clock not read
	before   past
}

// past is what earlier lives counted up to where this one began, as images say: each row of the run counts once. It is set before the core is
// stepped. What operators did is counted for this life alone: it is work, and was done as often as it was done.
type past struct{ in, late, sink uint64 }

const idle = -1

func newStageStats(ops int, now func() int64) *stageStats {
	return &stageStats{now: now, ops: make([]opCounters, ops), current: idle}
}

func (s *stageStats) charge(to int) (from int) {
	t := s.now()
	if s.current != idle {
		s.ops[s.current].busy.Add(uint64(max(t-s.since, 0)))
	}
	from = s.current
	s.current, s.since = to, t
	return from
}

func (s *stageStats) enter(op int) (caller int) {
	if !s.left {
		return s.charge(op)
	}
	s.left = false
	if s.current != op {
		s.charge(op)
	}
	return idle
}

func (s *stageStats) leave(caller int) {
	if caller == idle {
		s.left = true
		return
	}
	s.charge(caller)
}

// rest ends the charge: the core turns to something else.
func (s *stageStats) rest() {
	if s.left {
		s.left = false
		s.charge(idle)
	}
}

func (s *stageStats) in(op, rows int)    { s.ops[op].in.Add(uint64(rows)) }
func (s *stageStats) out(op, rows int)   { s.ops[op].out.Add(uint64(rows)) }
func (s *stageStats) committed(rows int) { s.sink.Add(uint64(rows)) }
