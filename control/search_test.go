package control

import (
	"fmt"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// seen is what a run has done so far, as its driver knows it.
type seen struct{ commits, aborts, ends int }

func testConfig(workers int) Config {
	return Config{Epoch: 7, Workers: workers, Cores: 1, Fingerprint: 42, Tick: TickRule{LengthNs: 5e6}, StartNs: 10, StopNs: 10}
}

func (m *Machine) clone() *Machine {
	c := *m
	c.workers = slices.Clone(m.workers)
	return &c
}

// key is the state as far as it decides about the future. Time is relative to the deadline.
func (m *Machine) key(s seen) string {
	ws := make([]string, len(m.workers))
	for i, w := range m.workers {
		ws[i] = fmt.Sprint(w.state, w.told, w.killed)
	}
	return fmt.Sprint(m.phase, ws, m.begun && m.now >= m.deadline, m.begun, m.cause, s)
}

// alphabet is every event that can matter, late: a clock past the deadline.
func alphabet(m *Machine) []Event {
	late := Clock{max(m.deadline, m.now) + 1}
	evs := []Event{Clock{m.now}, late, Cancel{"cancelled"}, Committed{}, Committed{"disk full"}, Aborted{}, Aborted{"cannot remove"}}
	for n := range m.workers {
		f := From{Node: frame.NodeID(n), Epoch: 7}
		evs = append(evs,
			Hello{From: f, PID: 100 + n}, Ready{From: f, Addr: "a", Fingerprint: 42}, Ready{From: f, Fingerprint: 1}, Linked{f},
			Progress{From: f}, Finished{From: f}, Failed{From: f, Reason: "bad row"}, Failed{From: f, Reason: "link", AboutPeer: true},
			Stopped{f}, Lost{Node: f.Node, Reason: "killed"}, Lost{Node: f.Node, Clean: true})
	}
	return evs
}

// check asserts C1 to C4 on one transition and returns what has been seen after it.
func check(before, after *Machine, s seen, ev Event, effects []Effect) (seen, error) {
	if s.ends > 0 && len(effects) > 0 {
		return s, fmt.Errorf("C4: effects %v after End", effects)
	}
	for i, e := range effects {
		switch e.(type) {
		case Commit:
			s.commits++
			for n, w := range after.workers {
				if w.state < Done {
					return s, fmt.Errorf("C2: Commit, but worker %d is only %d", n, w.state)
				}
			}
		case Abort:
			s.aborts++
			_, clock := ev.(Clock)
			for n, w := range after.workers {
				if w.state != Gone && !(clock && w.killed) {
					return s, fmt.Errorf("C3: Abort, but worker %d is still there", n)
				}
			}
		case End:
			s.ends++
			if i != len(effects)-1 {
				return s, fmt.Errorf("C1: effects after End")
			}
		}
	}
	if s.commits+s.aborts > 1 || s.ends > 1 || (s.ends == 1 && s.commits+s.aborts != 1) {
		return s, fmt.Errorf("C1: %+v", s)
	}
	if after.phase < before.phase {
		return s, fmt.Errorf("phase went back from %d to %d", before.phase, after.phase)
	}
	return s, nil
}

// drains asserts C6: a stopping run ends with clocks and answers alone.
func drains(m *Machine, s seen) error {
	for range 4 {
		var err error
		before := m.clone()
		ev := Event(Clock{max(m.deadline, m.now) + 1})
		if m.phase == Aborting {
			ev = Aborted{}
		} else if m.phase == Committing {
			ev = Committed{}
		}
		if s, err = check(before, m, s, ev, m.Step(ev)); err != nil {
			return err
		}
	}
	if m.phase >= Committing && m.phase != Ended {
		return fmt.Errorf("C6: phase %d does not end", m.phase)
	}
	return nil
}

type node struct {
	m    *Machine
	seen seen
	path []Event
}

// TestEveryState visits every state that any order of any events can reach.
func TestEveryState(t *testing.T) {
	for workers := 1; workers <= 2; workers++ {
		m, err := NewMachine(testConfig(workers))
		if err != nil {
			t.Fatal(err)
		}
		m.Step(Clock{1})
		known := map[string]bool{m.key(seen{}): true}
		frontier := []node{{m: m}}
		outcomes := map[Phase]int{}
		for len(frontier) > 0 {
			at := frontier[len(frontier)-1]
			frontier = frontier[:len(frontier)-1]
			outcomes[at.m.phase]++
			if err := drains(at.m.clone(), at.seen); err != nil {
				t.Fatalf("%v\nafter %#v", err, at.path)
			}
			for _, ev := range alphabet(at.m) {
				next := at.m.clone()
				s, err := check(at.m, next, at.seen, ev, next.Step(ev))
				path := append(slices.Clone(at.path), ev)
				if err != nil {
					t.Fatalf("%v\nafter %#v", err, path)
				}
				if k := next.key(s); !known[k] {
					known[k] = true
					frontier = append(frontier, node{next, s, path})
				}
			}
		}
		for p := Gathering; p <= Ended; p++ {
			if outcomes[p] == 0 {
				t.Errorf("%d workers: phase %d was never reached", workers, p)
			}
		}
		t.Logf("%d workers: %d states, by phase %v", workers, len(known), outcomes)
	}
}

// TestSearchFindsFaults makes sure that the checks can fail.
func TestSearchFindsFaults(t *testing.T) {
	m, err := NewMachine(testConfig(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, effects := range map[string][]Effect{
		"commit of an unfinished run": {Commit{}},
		"abort with a worker":         {Abort{}},
		"end without an outcome":      {End{}},
		"an effect after the end":     {End{}, Abort{}},
	} {
		if _, err := check(m, m, seen{}, Cancel{}, effects); err == nil {
			t.Errorf("%s was not noticed", name)
		}
	}
	if _, err := check(m, m, seen{ends: 1, commits: 1}, Cancel{}, []Effect{Report{}}); err == nil {
		t.Error("a report after the end was not noticed")
	}
}
