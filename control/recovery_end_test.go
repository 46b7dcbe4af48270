package control

import (
	"fmt"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestStoreFails(t *testing.T) {
	d := running(t, 2)
	d.hold = true
	d.lose(0)
	first := fmt.Sprint(*d.asked)
	for range 2 {
		d.asked = nil
		d.step(Persisted{Reason: "no space"})
		d.lose(1) // goes on meanwhile
		d.wait(10)
		if d.asked == nil || fmt.Sprint(*d.asked) != first {
			t.Fatalf("asked %+v, want %s again", d.asked, first)
		}
	}
	d.step(Persisted{Reason: "no space"})
	if d.outcome == nil || d.outcome.Reason != "the metadata store failed 3 times: no space" {
		t.Errorf("outcome %+v", d.outcome)
	}
	d.want("nobody was left to stop", "end")
}

func TestFenced(t *testing.T) {
	d := running(t, 2)
	d.hold = true
	d.lose(0)
	d.step(Persisted{Reason: "epoch 8 holds the store", Fenced: true})
	d.want("fenced", "end")
	if o := d.outcome; o == nil || !o.Fenced || o.OK() {
		t.Errorf("outcome %+v", o)
	}
}

func TestCompletionIsStored(t *testing.T) {
	d := running(t, 2)
	d.step(Finished{From: d.from(0)})
	d.lose(0) // others still run: it has to serve them
	d.want("lost after its end", "spawn0.2 start0 connect0 run0 relink1:0.2")
	d.hold = true
	d.step(Finished{From: d.from(0)}, Finished{From: d.from(1)})
	d.lose(1)
	d.want("nobody needs it", "")
	if d.asked.Outcome != OutputComplete {
		t.Fatalf("asked %+v", d.asked)
	}
	d.persist()
	d.want("complete", "stop0 commit")
	if d.asked.Outcome != OutputVisible || d.outcome != nil {
		t.Fatalf("asked %+v, outcome %+v", d.asked, d.outcome)
	}
	d.persist()
	d.want("visible", "end")
	if !d.outcome.OK() {
		t.Errorf("outcome %+v", d.outcome)
	}
	for outcome, want := range map[StoredOutcome]string{OutputComplete: "commit end", OutputVisible: "end"} {
		c := recoveryConfig(2)
		c.Recovery.Stored = d.rec.Clone()
		c.Recovery.Stored.Outcome = outcome
		again := newDriver(t, c)
		again.want(outcome.String(), want)
		if !again.outcome.OK() || !again.outcome.Stats.Recovery.Resumed {
			t.Errorf("outcome %+v", again.outcome)
		}
	}
}

func TestResume(t *testing.T) {
	d := running(t, 2)
	d.report(1, 8, 8)
	d.report(0, 8, 8)
	c := recoveryConfig(2)
	c.Recovery.Stored = d.rec.Clone()
	again := newDriver(t, c)
	again.want("resumed", "spawn0.2 start0 spawn1.2 start1 connect0 run0 connect1 run1")
	a := again.last["control.Start"].(Start).Assignment
	if fmt.Sprint(a.Restore) != "[8 8]" || a.Schedule.Entries[0].StartNs != 1 {
		t.Errorf("assignment %+v", a)
	}
	if s := again.m.stats().Recovery; !s.Resumed || s.ResumedTick != 8 || s.Recoveries != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestRecoveryConfigComplaints(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"epoch 6":           func(c *Config) { c.Recovery.Stored.Epoch = 6 },
		"no stages":         func(c *Config) { c.Recovery.Stages = nil },
		"on no node":        func(c *Config) { c.Recovery.Stages[1].Nodes = nil },
		"rising ones":       func(c *Config) { c.Recovery.Stages[0].Nodes = []frame.NodeID{1, 0} },
		"below 2":           func(c *Config) { c.Recovery.Stages[0].Nodes = []frame.NodeID{2} },
		"stage 2 of 2":      func(c *Config) { c.Recovery.Stages[0].To = []StageID{2} },
		"in a circle":       func(c *Config) { c.Recovery.Stages[1].To = []StageID{0} },
		"none below 0":      func(c *Config) { c.Recovery.LeaseNs = -1 },
		"3 workers":         func(c *Config) { c.Recovery.Stored.Incarnations = make([]frame.Incarnation, 3) },
		"1 stages":          func(c *Config) { c.Recovery.Stored.Bases = make([][]Base, 1) },
		"bases of 0 nodes":  func(c *Config) { c.Recovery.Stored.Bases = make([][]Base, 2) },
		"outcome 9":         func(c *Config) { c.Recovery.Stored.Outcome = 9 },
		"first entry":       func(c *Config) { c.Recovery.Stored.Schedule.Entries = []ScheduleEntry{{First: 2}} },
		"a consumer asks":   func(c *Config) { c.Recovery.Stored.Bases = [][]Base{{{Base: 5}, {}}, {{}, {}}} },
		"the one before is": func(c *Config) { c.Recovery.Stored.Bases = [][]Base{{{}, {}}, {{}, {Base: 1, Prev: 2}}} },
	} {
		c := recoveryConfig(2)
		change(&c)
		if _, err := NewMachine(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestMisshapenReports(t *testing.T) {
	for _, r := range []Reported{
		{}, {Executed: []frame.Tick{1}}, {Executed: []frame.Tick{1, 1}, Saved: []Saved{{2, 1}}},
		{Executed: []frame.Tick{1, 1}, Unsaved: []Unsaved{{Saved{2, 1}, ""}}},
	} {
		d := running(t, 1)
		r.From = d.from(0)
		d.step(r)
		d.want(fmt.Sprint(r), "kill0.1")
	}
}
