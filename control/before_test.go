package control

import "testing"

// What was read before a manager began is told apart, whoever says it, and in whatever order; only a run that goes on has such.
func TestEventsBefore(t *testing.T) {
	for _, resumed := range []bool{false, true} {
		c := recoveryConfig(2)
		if resumed {
			c.Recovery.Stored.grow(len(c.Recovery.Stages), c.Workers)
			c.Recovery.Stored.Incarnations = append(c.Recovery.Stored.Incarnations[:0], 3, 3)
		}
		d := newDriver(t, c)
		tell := func(n int, events, in, before uint64) {
			t.Helper()
			d.step(Progress{From: d.from(n), Stats: WorkerStats{EventsIn: events}})
			if !resumed {
				before = 0
			}
			if s := d.m.stats(); s.EventsIn != in || s.EventsBefore != before {
				t.Errorf("resumed %v: %d events, %d before, want %d and %d", resumed, s.EventsIn, s.EventsBefore, in, before)
			}
		}
		tell(0, 1000, 1000, 1000)
		tell(0, 1100, 1100, 1000)
		tell(1, 500, 1600, 1500)
		d.lose(1)
		tell(1, 450, 1550, 1500) // a new life goes on from its image
		tell(1, 900, 2000, 1500)
	}
}
