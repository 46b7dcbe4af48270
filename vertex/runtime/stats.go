package runtime

import "sync/atomic"

// OpStats counts what one logical stage did on a worker, as if it were not fused.
type OpStats struct {
	Name    string
	Tasks   int
	RowsIn  uint64
	RowsOut uint64
	BusyNs  uint64
}

// opCounters are written by one core and read by anybody.
type opCounters struct{ in, out, busy atomic.Uint64 }

// stageStats counts for the operators of one stage on one core. The time between enter and leave is charged to one operator at a time:
// to the one entered last.
type stageStats struct {
	now     func() int64
	ops     []opCounters
	source  opCounters
	sink    atomic.Uint64 // rows the sink took
	late    atomic.Uint64
	current int // operator being charged, or idle
	since   int64
}

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

func (s *stageStats) enter(op int) (caller int) { return s.charge(op) }
func (s *stageStats) leave(caller int)          { s.charge(caller) }
func (s *stageStats) in(op, rows int)           { s.ops[op].in.Add(uint64(rows)) }
func (s *stageStats) out(op, rows int)          { s.ops[op].out.Add(uint64(rows)) }
func (s *stageStats) committed(rows int)        { s.sink.Add(uint64(rows)) }
