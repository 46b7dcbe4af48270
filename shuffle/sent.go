package shuffle

import "github.com/streamscope/streamscope/ringlog/frame"

// sentRows counts rows by tick and node, of the few ticks that were emitted and not reported by a close yet.
type sentRows struct {
	ticks []tickCount
	spare [][]uint64
}

type tickCount struct {
	tick frame.Tick
	rows []uint64 // by node
}

// find returns the counts of a tick, nil if there are none.
func (s *sentRows) find(t frame.Tick) []uint64 {
	for i := range s.ticks {
		if s.ticks[i].tick == t {
			return s.ticks[i].rows
		}
	}
	return nil
}

// of returns the counts of a tick, making them if need be.
func (s *sentRows) of(t frame.Tick, nodes int) []uint64 {
	if rows := s.find(t); rows != nil {
		return rows
	}
	var rows []uint64
	if n := len(s.spare); n > 0 {
		rows, s.spare = s.spare[n-1], s.spare[:n-1]
		clear(rows)
	} else {
		rows = make([]uint64, nodes)
	}
	s.ticks = append(s.ticks, tickCount{t, rows})
	return rows
}

// forget drops the counts of a tick: a close has reported them.
func (s *sentRows) forget(t frame.Tick) {
	for i := range s.ticks {
		if s.ticks[i].tick == t {
			s.spare = append(s.spare, s.ticks[i].rows)
			s.ticks = append(s.ticks[:i], s.ticks[i+1:]...)
			return
		}
	}
}
