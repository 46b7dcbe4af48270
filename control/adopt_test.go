package control

import (
	"fmt"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// succeeded begins a manager after another one, whose workers of some nodes live.
func succeeded(t *testing.T, d *driver, living ...int) *driver {
	t.Helper()
	c := recoveryConfig(len(d.life))
	c.Epoch, c.Recovery.AttachNs = 8, 40
	c.Recovery.Stored = d.rec.Clone()
	c.Recovery.Stored.Epoch = 8
	c.Recovery.Living = make([]frame.Incarnation, len(d.life))
	for _, n := range living {
		c.Recovery.Living[n] = d.life[n]
	}
	m, err := NewMachine(c)
	if err != nil {
		t.Fatal(err)
	}
	next := &driver{t: t, m: m, now: d.now + 10, rec: c.Recovery.Stored.Clone(), life: append([]frame.Incarnation(nil), d.life...), last: map[string]Effect{}, epoch: 8}
	next.step(Clock{next.now})
	return next
}

// attach says what a worker that lives on says.
func (d *driver) attach(n int, executed frame.Tick, change func(*Hello)) {
	h := Hello{From: d.from(n), PID: 70 + n, Living: &Living{
		Knew: 7, Addr: "here", Fingerprint: 42, Restored: []frame.Tick{0, 0}, Reported: Reported{From: d.from(n), Executed: []frame.Tick{executed, executed}, Opened: executed},
	}}
	for i, life := range d.life {
		h.Living.Peers = append(h.Living.Peers, Peer{Node: nodeID(i), Incarnation: life})
	}
	if change != nil {
		change(&h)
	}
	d.step(h)
}

func TestWorkersAreAdopted(t *testing.T) {
	d := succeeded(t, running(t, 2), 0, 1)
	d.want("nobody has come", "")
	d.attach(0, 12, nil)
	d.want("the first", "adopt0")
	d.attach(1, 9, nil)
	d.want("the second", "adopt1 tookover2@9")
	if d.m.Phase() != Running {
		t.Fatalf("phase %v", d.m.Phase())
	}
	// What they say counts, and they end the run.
	d.report(0, 20, 16)
	d.report(1, 20, 16)
	if b := d.rec.Bases[0][0]; b.Base != 16 {
		t.Errorf("base %+v", b)
	}
	d.took()
	d.step(Finished{From: d.from(0)}, Finished{From: d.from(1)})
	d.want("the end", "stop0 stop1 commit end")
	if r := d.outcome.Stats.Recovery; r.Recoveries != 0 || r.Adopted != 2 || r.Managers != 8 || r.ResumedTick != 9 || !r.Resumed {
		t.Errorf("%+v", r)
	}
}

// TestWhoDoesNotAttach is replaced; the other one goes on, and hears of the new life.
func TestWhoDoesNotAttach(t *testing.T) {
	d := succeeded(t, running(t, 2), 0, 1)
	d.attach(0, 12, nil)
	d.took()
	d.wait(39)
	d.want("in time", "")
	d.wait(1)
	d.want("too late", "kill1.1 tookover1@0")
	d.attach(1, 13, nil)
	d.want("much too late", "")
	d.lose(1)
	d.want("gone", "spawn1.2 start1 relink0:1.2 connect1 run1")
}

// TestDeadOnesAreRegisteredAnew: only who lives in the registered incarnation is waited for.
func TestDeadOnesAreRegisteredAnew(t *testing.T) {
	before := running(t, 3)
	before.lose(2)
	before.life[1] = 0 // it is dead, and 2 lives in its second life
	d := succeeded(t, before, 0, 1, 2)
	d.want("begin", "")
	d.attach(0, 12, nil)
	d.attach(2, 12, nil)
	d.want("all", "adopt0 adopt2 tookover2@0 spawn1.2 start1 relink0:1.2 connect1 run1 relink2:1.2")
}

// TestRelinkThatWasLost: the manager before had replaced worker 1, and could not tell worker 0.
func TestRelinkThatWasLost(t *testing.T) {
	before := running(t, 2)
	before.lose(1)
	d := succeeded(t, before, 0, 1)
	d.attach(0, 12, func(h *Hello) { h.Living.Peers[1].Incarnation = 1 })
	d.attach(1, 12, nil)
	d.want("all", "adopt0 adopt1 relink0:1.2 tookover2@12")
}

// TestNewLifeIsToldPeersOnce: worker 0 has not heard of worker 1's new life either, and is lost before it is told; its own new life knows.
func TestNewLifeIsToldPeersOnce(t *testing.T) {
	before := running(t, 3)
	before.lose(1)
	d := succeeded(t, before, 0, 1, 2)
	d.attach(0, 12, func(h *Hello) { h.Living.Peers[1].Incarnation = 1 })
	d.lose(0)
	d.attach(1, 12, nil)
	d.attach(2, 12, nil)
	d.took()
	d.lose(2)
	d.want("worker 2", "spawn2.2 start2 relink0:2.2 relink1:2.2 connect2 run2")
}

// TestMisfits are replaced, whatever is wrong with them.
func TestMisfits(t *testing.T) {
	for what, change := range map[string]func(*Hello){
		"another plan":   func(h *Hello) { h.Living.Fingerprint = 1 },
		"no restored":    func(h *Hello) { h.Living.Restored = nil },
		"a strange peer": func(h *Hello) { h.Living.Peers[0].Node = 9 },
		"a short report": func(h *Hello) { h.Living.Reported.Executed = nil },
		"no life at all": func(h *Hello) { h.Living = nil },
	} {
		d := succeeded(t, running(t, 1), 0)
		d.attach(0, 12, change)
		if got := d.took(); !strings.HasPrefix(got, "kill0.1") || strings.Contains(got, "adopt") {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// TestStrangersAreNotAdopted: another incarnation and another epoch have no effect.
func TestStrangersAreNotAdopted(t *testing.T) {
	before := running(t, 1)
	before.lose(0)
	d := succeeded(t, before, 0)
	d.took()
	d.attach(0, 12, func(h *Hello) { h.Incarnation = 1 })
	d.attach(0, 12, func(h *Hello) { h.Epoch = 7 })
	d.want("strangers", "")
}

// TestConnectionComesAgain: a worker that lost its connection gets what it may have missed.
func TestConnectionComesAgain(t *testing.T) {
	d := running(t, 2)
	d.report(0, 1)
	d.report(1, 1)
	d.wait(60)
	d.wait(60)
	d.took()
	d.attach(1, 1, func(h *Hello) { h.Living.Knew = 7 })
	a, ok := d.last["control.Adopt"].(Adopt)
	if !ok || a.Node != 1 || len(a.Marks) != 1 || fmt.Sprint(a.Needs) != fmt.Sprint(d.m.rec.bases.needs()) {
		t.Errorf("%+v after %s", a, d.took())
	}
	if n := d.m.stats().Recovery; n.Adopted != 0 || n.Recoveries != 0 {
		t.Errorf("%+v", n)
	}
}

// TestBehindWhatIsAsked: the manager before had fallen back, and died before it could replace who began too late.
func TestBehindWhatIsAsked(t *testing.T) {
	before := running(t, 2)
	for _, at := range []frame.Tick{8, 16} {
		before.report(1, at, at)
		before.report(0, at, at)
	}
	before.rec.Bases[1][1] = Base{Base: 8, Prev: 8}
	before.rec.Bases[0][0], before.rec.Bases[0][1] = Base{Base: 8, Prev: 8}, Base{Base: 8, Prev: 8}
	d := succeeded(t, before, 0, 1)
	d.attach(1, 20, nil)
	d.attach(0, 20, func(h *Hello) { h.Living.Restored = []frame.Tick{16, 0} })
	d.want("who began at 16", "adopt1 adopt0 kill0.1 tookover2@8")
}

// TestFencedKillsNobody: a manager that does not know that it was replaced asks the store first.
func TestFencedKillsNobody(t *testing.T) {
	d := running(t, 2)
	d.hold = true
	d.report(0, 1)
	for range 3 {
		d.wait(100)
	}
	d.want("both silent", "")
	d.step(Persisted{Fenced: true, Reason: "epoch 9"})
	d.want("fenced", "end")
	if !d.outcome.Fenced || d.outcome.OK() {
		t.Errorf("%+v", d.outcome)
	}
}

// TestCancelWhileAwaiting kills who has not come, and stops who has.
func TestCancelWhileAwaiting(t *testing.T) {
	d := succeeded(t, running(t, 2), 0, 1)
	d.attach(0, 12, nil)
	d.took()
	d.step(Cancel{"enough"})
	d.want("cancelled", "stop0 kill1.1")
	d.lose(1)
	d.step(Stopped{d.from(0)})
	d.want("alone", "end")
}
