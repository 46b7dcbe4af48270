package simtest

import (
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestCloses: what was closed once may be closed again with the same rows alone.
func TestCloses(t *testing.T) {
	with := func(tick frame.Tick, rows uint64) *session {
		return &session{open: map[frame.Tick]content{tick: {rows: rows, hash: rows}}}
	}
	c := &closes{ticks: map[frame.Tick]content{}}
	for _, s := range []struct {
		session       *session
		from, through frame.Tick
		ok            bool
	}{
		{with(3, 2), 0, 5, true},
		{with(3, 2), 0, 5, true},
		{with(3, 2), 2, 9, true},
		{with(3, 1), 0, 5, false},
		{with(4, 1), 3, 9, false}, // had no rows
		{with(12, 1), 0, 2, true},
		{with(12, 1), 2, 9, false}, // 3 had rows
		{with(12, 1), 9, 12, true},
	} {
		if err := c.add(s.session, s.from, s.through); (err == nil) != s.ok {
			t.Errorf("%v after %d through %d: %v", s.session.open, s.from, s.through, err)
		}
	}
}
