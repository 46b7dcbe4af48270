package control

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func from(n int) From { return From{Node: frame.NodeID(n), Epoch: 7} }

// play feeds events and returns all effects.
func play(t *testing.T, m *Machine, evs ...Event) []Effect {
	t.Helper()
	var all []Effect
	for _, ev := range evs {
		all = append(all, m.Step(ev)...)
	}
	return all
}

func machine(t *testing.T, workers int) *Machine {
	t.Helper()
	m, err := NewMachine(testConfig(workers))
	if err != nil {
		t.Fatal(err)
	}
	m.Step(Clock{100})
	return m
}

func outcome(t *testing.T, effects []Effect) Outcome {
	t.Helper()
	if len(effects) == 0 {
		t.Fatal("no effects")
	}
	end, ok := effects[len(effects)-1].(End)
	if !ok {
		t.Fatalf("last effect is %#v, want End", effects[len(effects)-1])
	}
	return end.Outcome
}

func toRunning(workers int) []Event {
	var evs []Event
	for n := range workers {
		evs = append(evs, Hello{From: from(n), PID: 100 + n})
	}
	for n := range workers {
		evs = append(evs, Ready{From: from(n), Addr: "addr", Fingerprint: 42})
	}
	for n := range workers {
		evs = append(evs, Linked{from(n)})
	}
	return evs
}

func TestGoodRun(t *testing.T) {
	m := machine(t, 2)
	got := play(t, m, toRunning(2)...)
	var kinds []string
	for _, e := range got {
		switch e := e.(type) {
		case Start:
			kinds = append(kinds, "start")
			if e.Assignment.Epoch != 7 || e.Assignment.Nodes != 2 || e.Assignment.Schedule.Entries[0].StartNs != 100 {
				t.Errorf("assignment %+v", e.Assignment)
			}
		case Connect:
			kinds = append(kinds, "connect")
			if len(e.Peers) != 2 || e.Peers[1].Node != 1 || e.Peers[1].Addr != "addr" {
				t.Errorf("peers %+v", e.Peers)
			}
		case Run:
			kinds = append(kinds, "run")
		}
	}
	if s := strings.Join(kinds, " "); s != "start start connect connect run run" {
		t.Fatalf("effects: %s", s)
	}
	stats := WorkerStats{EventsIn: 5, Ticks: 3, PeakBytes: 10, ShareBytes: 4}
	got = play(t, m, Finished{from(0), stats}, Finished{from(1), stats}, Stopped{from(0)}, Committed{})
	o := outcome(t, got)
	if !o.OK() || o.Stats.EventsIn != 10 || o.Stats.Ticks != 3 || o.Stats.PeakBytes != 12 || o.Stats.Workers[1].PID != 101 {
		t.Errorf("outcome %+v", o)
	}
}

func TestCauses(t *testing.T) {
	link := Failed{From: from(0), Reason: "link to node 1 broke", AboutPeer: true}
	end := []Event{Stopped{from(0)}, Stopped{from(1)}, Aborted{}}
	for _, c := range []struct {
		name string
		evs  []Event
		want string
	}{
		{"what a worker says", append([]Event{Failed{From: from(1), Reason: "bad.csv:3"}}, end...), "bad.csv:3"},
		{"a peer's complaint comes first", append([]Event{link, Failed{From: from(1), Reason: "bad.csv:3"}}, end...), "bad.csv:3"},
		{"a death after a peer's complaint", []Event{link, Lost{Node: 1, Reason: "worker 1: killed"}, Stopped{from(0)}, Aborted{}}, "worker 1: killed"},
		{"a clean end after a complaint", []Event{link, Lost{Node: 1, Clean: true}, Stopped{from(0)}, Aborted{}}, "link to node 1 broke"},
		{"a complaint alone", append([]Event{link}, end...), "link to node 1 broke"},
		{"the first of two", append([]Event{Failed{From: from(1), Reason: "one"}, Failed{From: from(0), Reason: "two"}}, end...), "one"},
		{"a stop out of turn", []Event{Stopped{from(0)}, Stopped{from(1)}, Aborted{}}, "worker 0 (pid 100) said stopped out of turn"},
		{"leftovers", append([]Event{Cancel{"interrupted"}}, append(end[:2:2], Aborted{"x.tmp: busy"})...), "interrupted (and then: x.tmp: busy)"},
	} {
		m := machine(t, 2)
		play(t, m, toRunning(2)...)
		o := outcome(t, play(t, m, c.evs...))
		if o.Reason != c.want {
			t.Errorf("%s: got %q, want %q", c.name, o.Reason, c.want)
		}
		if o.Cancelled != (c.name == "leftovers") {
			t.Errorf("%s: cancelled %t", c.name, o.Cancelled)
		}
	}
}

func TestWrongPlan(t *testing.T) {
	m := machine(t, 1)
	o := outcome(t, play(t, m, Hello{From: from(0), PID: 9}, Ready{From: from(0), Fingerprint: 0xbad}, Stopped{from(0)}, Aborted{}))
	if want := "fingerprint got 0000000000000bad, want 000000000000002a"; !strings.Contains(o.Reason, want) {
		t.Errorf("got %q, want it to contain %q", o.Reason, want)
	}
}

func TestNobodyComes(t *testing.T) {
	m := machine(t, 2)
	play(t, m, Hello{From: from(0), PID: 5})
	effects := play(t, m, Clock{110}, Stopped{from(0)}, Lost{Node: 1, Reason: "ended"}, Aborted{})
	o := outcome(t, effects)
	if !strings.Contains(o.Reason, "worker 0 (pid 5) did not start") {
		t.Errorf("got %q", o.Reason)
	}
	killed := false
	for _, e := range effects {
		if k, ok := e.(Kill); ok && k.Node == 1 {
			killed = true
		}
	}
	if !killed {
		t.Error("the worker that never came was not killed")
	}
}

func TestOtherEpochsAreFenced(t *testing.T) {
	m := machine(t, 1)
	for _, ev := range []Event{Hello{From: From{Epoch: 6}}, Hello{From: From{Epoch: 8}}, Failed{From: From{Epoch: 6}}, Hello{From: From{Node: 1, Epoch: 7}}, Lost{Node: 3}} {
		if got := m.Step(ev); len(got) != 0 {
			t.Errorf("%#v had effects %v", ev, got)
		}
	}
}

// TestAnyOrder plays random events with several workers and asserts the invariants.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := NewMachine(testConfig(rapid.IntRange(1, 5).Draw(t, "workers")))
		if err != nil {
			t.Fatal(err)
		}
		m.Step(Clock{1})
		var s seen
		good := toRunning(len(m.workers))
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			var ev Event
			if len(good) > 0 && rapid.IntRange(0, 9).Draw(t, "luck") > 0 {
				ev, good = good[0], good[1:]
			} else {
				ev = rapid.SampledFrom(alphabet(m)).Draw(t, "event")
			}
			before := m.clone()
			if s, err = check(before, m, s, ev, m.Step(ev)); err != nil {
				t.Fatal(err)
			}
		}
		before, last := m.clone(), Cancel{"enough"}
		if s, err = check(before, m, s, last, m.Step(last)); err != nil {
			t.Fatal(err)
		}
		if err := drains(m, s); err != nil {
			t.Fatal(err)
		}
	})
}

func TestConfigComplaints(t *testing.T) {
	_, err := NewMachine(Config{})
	if err == nil {
		t.Fatal("an empty config passed")
	}
	for _, want := range []string{"workers: got 0", "cores: got 0", "deadlines", "ticks"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %q", want, err)
		}
	}
}

func TestSchedule(t *testing.T) {
	rule := TickRule{LimitByte: 1 << 20}
	if err := rule.Schedule(5).Valid(); err != nil {
		t.Error(err)
	}
	for _, s := range []Schedule{
		{},
		{[]ScheduleEntry{{First: 2, LengthNs: MinTickNs}}},
		{[]ScheduleEntry{{First: 1, LengthNs: MinTickNs}, {First: 1, LengthNs: MinTickNs}}},
		{[]ScheduleEntry{{First: 1, LengthNs: MinTickNs, LimitByte: 1}}},
		{[]ScheduleEntry{{First: 1, LengthNs: 1}}},
		{[]ScheduleEntry{{First: 1, LimitByte: -1}}},
	} {
		if s.Valid() == nil {
			t.Errorf("%+v passed", s)
		}
	}
}
