package control

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// held says that a worker keeps a log for the sink of recoveryConfig, and images.
func held(bytes uint64) *Held {
	return &Held{
		Logs:     []HeldLog{{Edge: 0, From: 0, To: 1, Node: 1, Bytes: bytes, Frames: 3, First: 5, Last: 20}},
		Journals: []HeldJournal{{Stage: 0, Bytes: 100, Records: 20, First: 1, Last: 20}},
		Images:   []HeldImages{{Stage: 0, Count: 2, Bytes: 200, Newest: 90, First: 5, Last: 10}},
		Copies:   []HeldCopy{{Edge: 0, Node: 1, Peer: 1, LagBytes: 5}, {Edge: 3, Node: 1, Peer: 1, LagBytes: 6}, {Edge: 3, Node: 1, Peer: 0, LagBytes: 7}},
		Writing:  Transfer{Bytes: 1000, Ns: 1e6},
	}
}

func TestStatusSaysWhatHoldsALog(t *testing.T) {
	d := running(t, 2)
	d.step(Reported{From: d.from(0), Executed: []frame.Tick{20, 0}, Opened: 20, Saved: []Saved{{0, 10}}, Held: held(4000)})
	d.step(Reported{From: d.from(1), Executed: []frame.Tick{20, 20}, Opened: 20, Saved: []Saved{{0, 10}, {1, 5}}})
	s := d.m.Status()
	if len(s.Logs) != 1 || s.Logs[0].Stage != "read" || s.Logs[0].ToStage != "write" || s.Logs[0].Bytes != 4000 || len(s.Units) != 3 || len(s.Workers) != 2 {
		t.Fatalf("status %+v", s)
	}
	if want := "held for stage write on node 1, which restarts at tick 5 (base; its newest image is 5), or at tick 0"; !strings.HasPrefix(s.Logs[0].Why, want) {
		t.Errorf("got %q, want %q", s.Logs[0].Why, want)
	}
	// The producer has a newer image, which does not count before the consumer has one.
	if u := s.Units[0]; u.Base != 0 || u.Newest != 10 || u.Why != "stage write on node 1 has confirmed 5" || u.Journal == nil || u.Images.Newest != 90 {
		t.Errorf("unit %+v", u)
	}
	if o := s.Oldest; o.Base != 0 || o.Behind != 10 || o.Unit != (UnitName{"write", 1}) || !strings.Contains(o.Why, "its next image") {
		t.Errorf("oldest %+v", o)
	}
	if c := s.Logs[0].Copies; len(c) != 1 || c[0].LagBytes != 5 {
		t.Errorf("copies %+v", c)
	}
	if lag := s.Stages[0].Edges[0].Lag; lag == nil || lag.LagBytes != 7 {
		t.Errorf("worst copy %+v", lag)
	}
	s.Stages[0].Edges[0].Lag = nil
	if st := s.Stages[0]; st.LogBytes != 4000 || st.ImageBytes != 90 || st.JournalBytes != 100 || st.Strategy != "checkpoint" || fmt.Sprint(st.Edges) != "[{3 write recompute true <nil> <nil>}]" {
		t.Errorf("stage %+v", st)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Error(err)
	}
}

// An image that waits for a store is the reason for a base also when everything is executed.
func TestStatusNamesWhatIsNotPersisted(t *testing.T) {
	d := running(t, 2)
	for _, c := range []struct {
		keep shuffle.Keep
		want string
	}{{shuffle.Persist, "its image after tick 10 counts when what it has sent up to there is persisted"}, {shuffle.Retain, "it has executed everything, and takes no more images"}} {
		for i := range d.m.rec.cfg.Stages[0].Edges {
			d.m.rec.cfg.Stages[0].Edges[i].Policy.Keep = c.keep
		}
		d.step(Reported{From: d.from(0), Executed: []frame.Tick{frame.MaxTick, 0}, Opened: frame.MaxTick, Held: held(1)})
		if got := d.m.Status().Units[0].Why; got != c.want {
			t.Errorf("%v: got %q, want %q", c.keep, got, c.want)
		}
	}
}

// A unit whose images fail is named, with the reason, as what keeps the oldest base.
func TestStatusNamesImagesThatFail(t *testing.T) {
	d := running(t, 2)
	d.step(Reported{From: d.from(0), Executed: []frame.Tick{90, 0}, Opened: 90, Saved: []Saved{{0, 50}}})
	d.step(Reported{From: d.from(1), Executed: []frame.Tick{90, 90}, Opened: 90, Saved: []Saved{{0, 50}}, Unsaved: []Unsaved{{Saved{1, 50}, "no space left"}}})
	o := d.m.Status().Oldest
	if o.Unit != (UnitName{"write", 1}) || o.Why != "its image after tick 50 could not be saved: no space left" || o.Behind != 50 {
		t.Errorf("oldest %+v", o)
	}
}

// What a loss took is measured until the new life has executed what the one before had.
func TestStatusMeasuresComingBack(t *testing.T) {
	d := running(t, 2)
	d.step(Reported{From: d.from(0), Executed: []frame.Tick{100, 0}, Opened: 100, Held: held(1)})
	d.wait(3e3)
	if s := d.m.Status(); s.Observed.Count != 0 || s.Stages[0].Expected.Ticks != 100 || s.Stages[0].Expected.Measured {
		t.Fatalf("before: %+v, %+v", s.Observed, s.Stages[0].Expected)
	}
	d.lose(0)
	if s := d.m.Status(); len(s.Logs) != 0 || s.Workers[0].Incarnation != 2 {
		t.Errorf("what the lost worker kept is told of: %+v, %+v", s.Logs, s.Workers[0])
	}
	d.wait(70)
	d.step(Reported{From: d.from(0), Executed: []frame.Tick{99, 0}, Opened: 100})
	if s := d.m.Status(); s.Observed.Count != 0 {
		t.Errorf("not there yet: %+v", s.Observed)
	}
	d.wait(30)
	d.step(Reported{From: d.from(0), Executed: []frame.Tick{100, 0}, Opened: 100})
	if o := d.m.Status().Observed; o.Count != 1 || o.LastNs != 100 || o.Replayed != 100 || o.ReplayNs != 100 {
		t.Errorf("observed %+v", o)
	}
	// 100 ticks in 100 ns: as long again.
	if e := d.m.Status().Stages[0].Expected; !e.Measured || e.ReplayNs != 100 {
		t.Errorf("expected %+v", e)
	}
}

func TestHeldThatDoesNotFitIsRefused(t *testing.T) {
	for name, h := range map[string]*Held{
		"stage":   {Logs: []HeldLog{{From: 2}}},
		"to":      {Logs: []HeldLog{{To: 9}}},
		"node":    {Logs: []HeldLog{{Node: 2}}},
		"many":    {Logs: make([]HeldLog, HeldLogsMax+1)},
		"journal": {Journals: []HeldJournal{{Stage: 2}}},
		"images":  {Images: []HeldImages{{Stage: 2}}},
	} {
		if h.valid(2, 2) == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := held(1).valid(2, 2); err != nil {
		t.Error(err)
	}
	if (&Machine{}).Status() != nil {
		t.Error("a status without recovery")
	}
}
