package control

import (
	"fmt"
	"strings"
	"testing"
)

// awayPatience makes pauses of 20 ns, doubling to 300 ns.
const awayPatience = 6000

// awayDriver has a run of two workers, of which worker 1 was lost and cannot start: its store does not answer.
func awayDriver(t *testing.T) *driver {
	t.Helper()
	c := recoveryConfig(2)
	c.Recovery.StoreAwayNs = awayPatience
	d := newDriver(t, c)
	d.report(0, 10, 8)
	d.report(1, 10, 8)
	d.took()
	d.away = true
	d.lose(1)
	d.want("lost", "spawn1.2 start1 kill1.2")
	return d
}

// again lets the process of a start that failed end, and waits for the next start.
func (d *driver) again() Waits {
	d.t.Helper()
	waits := d.last["control.Waits"].(Waits)
	d.took()
	d.lose(1)
	d.report(0, 10)
	d.wait(TimeNs(waits.PauseNs - 1))
	if got := d.took(); strings.Contains(got, "spawn") {
		d.t.Errorf("a pause of %d is cut short: %s", waits.PauseNs, got)
	}
	d.report(0, 10)
	d.wait(1)
	return waits
}

// A store that is away for long, and comes back in time, costs pauses that grow, and counts for nothing.
func TestStoreAwayCountsForNothing(t *testing.T) {
	d := awayDriver(t)
	bases := fmt.Sprint(d.rec.Bases)
	for i := range 3 * DefaultGiveUp {
		s := d.m.Status()
		if why := d.m.whyBase(Unit{1, 1}); !strings.HasSuffix(why, fmt.Sprintf("its snapshot store has not answered for 0 s, %d starts", i+1)) || s.Workers[1].StoreAwayNs == 0 {
			t.Errorf("status %q, %+v", why, s.Workers[1])
		}
		if w := d.again(); w.PauseNs != min(int64(20)<<i, 300) || w.Counts || w.Node != 1 {
			t.Fatalf("start %d: %+v", i+1, w)
		}
		d.want("the next start", fmt.Sprintf("spawn1.%d start1 kill1.%[1]d", i+3))
	}
	d.away = false
	d.again()
	life := 3*DefaultGiveUp + 3
	d.want("the store is back", fmt.Sprintf("spawn1.%d start1 relink0:1.%[1]d connect1 run1", life))
	if w := &d.m.workers[1]; w.failures != 1 || w.away.tries != 0 || d.m.Status().Workers[1].StoreAwayNs != 0 {
		t.Errorf("%d failures, %+v", w.failures, w.away)
	}
	if got := fmt.Sprint(d.rec.Bases); got != bases {
		t.Errorf("bases were %s, are %s", bases, got)
	}
}

// Failures count from when the store has been away for too long, and no sooner.
func TestStoreAwayForTooLong(t *testing.T) {
	d := awayDriver(t)
	began, counted := d.m.workers[1].away.since, 0
	for d.outcome == nil {
		w := d.again()
		if away := d.now - began; w.Counts {
			if counted++; away < awayPatience {
				t.Fatalf("counts after %d ns: %+v", away, w)
			}
		} else if counted > 0 || away > awayPatience+600 {
			t.Fatalf("does not count after %d ns: %+v", away, w)
		}
		if d.m.Phase() == Stopping {
			d.lose(0)
			d.lose(1)
			break
		}
	}
	if counted != DefaultGiveUp-2 || // the loss before was one, and so is the last start
		d.outcome == nil || !strings.HasPrefix(d.outcome.Reason, "the store does not answer (given up after 5 failures of worker 1") {
		t.Errorf("%d starts counted before the last, outcome %+v", counted, d.outcome)
	}
}

// Who links to a worker that waits for its store has time.
func TestOthersWaitForWhoWaits(t *testing.T) {
	c := recoveryConfig(2)
	c.Recovery.StoreAwayNs = 100 * c.StartNs
	d := newDriver(t, c)
	d.took()
	d.hold = true
	d.lose(0)
	d.hold = false
	d.mute = true
	d.persist()
	d.away = true
	d.lose(1)
	d.took()
	for range 4 {
		d.report(0, 1)
		d.again()
	}
	if got := d.m.workers[0].incarnation; got != 2 {
		t.Errorf("worker 0 is in life %d, want 2", got)
	}
}
