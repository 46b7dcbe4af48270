package control

import (
	"fmt"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// recoveryConfig has a source stage 0 on all nodes that feeds a sink, stage 1, on the last.
func recoveryConfig(workers int) Config {
	c := testConfig(workers)
	var nodes []frame.NodeID
	for n := range workers {
		nodes = append(nodes, nodeID(n))
	}
	c.StartNs, c.StopNs = 1000, 100
	c.Recovery = &Recovery{
		Stages: []StageShape{{Name: "read", Nodes: nodes, To: []StageID{1}, Source: true, Edges: []EdgeShape{{3, 1, shuffle.Policy{Keep: shuffle.Recompute}}}}, {Name: "write", Nodes: nodes[workers-1:]}},
		Stored: Stored{Epoch: c.Epoch}, SnapshotIntervalNs: 50, LeaseNs: 300, PersistRetryNs: 10, PersistTries: 3,
	}
	return c
}

// driver carries out effects of a machine at once: its store never fails, its processes do as they are told unless a test wants otherwise.
type driver struct {
	t       *testing.T
	m       *Machine
	now     TimeNs
	rec     Stored
	life    []frame.Incarnation
	trace   []string // effects, but for answers that are a matter of course
	outcome *Outcome
	// hold keeps transactions back.
	hold  bool
	asked *Txn
	// away: the snapshot store does not answer.
	away bool
	// mute: nobody links.
	mute  bool
	last  map[string]Effect
	epoch Epoch
}

func newDriver(t *testing.T, c Config) *driver {
	t.Helper()
	m, err := NewMachine(c)
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{t: t, m: m, now: 1, rec: c.Recovery.Stored.Clone(), life: make([]frame.Incarnation, c.Workers), last: map[string]Effect{}, epoch: c.Epoch}
	d.rec.grow(len(c.Recovery.Stages), c.Workers)
	d.step(Clock{d.now})
	return d
}

func (d *driver) from(n int) From {
	return From{Node: nodeID(n), Epoch: d.epoch, Incarnation: d.life[n]}
}

func (d *driver) step(evs ...Event) {
	for _, ev := range evs {
		for _, e := range d.m.Step(ev) {
			d.do(e)
		}
	}
}

func (d *driver) note(format string, args ...any) {
	d.trace = append(d.trace, fmt.Sprintf(format, args...))
}

// took returns the trace and begins a new one.
func (d *driver) took() string {
	s := strings.Join(d.trace, " ")
	d.trace = nil
	return s
}

func (d *driver) do(e Effect) {
	d.last[fmt.Sprintf("%T", e)] = e
	switch e := e.(type) {
	case Persist:
		d.asked = &e.Txn
		if !d.hold {
			d.persist()
		}
	case Spawn:
		d.note("spawn%d.%d", e.Node, e.Incarnation)
		d.life[e.Node] = e.Incarnation
		d.step(Hello{From: d.from(int(e.Node)), PID: 100*int(e.Incarnation) + int(e.Node)})
	case Start:
		d.note("start%d", e.Node)
		if d.away {
			d.step(Failed{From: d.from(int(e.Node)), Reason: "the store does not answer", StoreAway: true})
			return
		}
		d.step(Ready{From: d.from(int(e.Node)), Addr: "there", CopyAddr: fmt.Sprint("copies", e.Node), Fingerprint: 42})
	case Connect:
		d.note("connect%d", e.Node)
		if !d.mute {
			d.step(Linked{d.from(int(e.Node))})
		}
	case Relink:
		d.note("relink%d:%d.%d", e.Node, e.Peer.Node, e.Peer.Incarnation)
	case Run:
		d.note("run%d", e.Node)
	case Adopt:
		d.note("adopt%d", e.Node)
	case TookOver:
		d.note("tookover%d@%d", e.Adopted, e.Tick)
	case Kill:
		d.note("kill%d.%d", e.Node, e.Incarnation)
	case Stop:
		d.note("stop%d", e.Node)
	case Mark:
		d.note("mark%d:%d", e.Node, e.Tick)
	case Trim:
		d.note("trim%d:%d", e.Node, e.Needs)
	case Commit:
		d.note("commit")
		d.step(Committed{})
	case End:
		d.note("end")
		d.outcome = &e.Outcome
	}
}

// persist carries out the transaction under way.
func (d *driver) persist() {
	d.rec.Apply(*d.asked)
	d.step(Persisted{})
}

func (d *driver) lose(n int) { d.step(Lost{Node: nodeID(n), Incarnation: d.life[n], Reason: "killed"}) }

func (d *driver) wait(ns TimeNs) {
	d.now += ns
	d.step(Clock{d.now})
}

// report says that a node has executed a tick in all stages, and saved some.
func (d *driver) report(n int, executed frame.Tick, saved ...frame.Tick) {
	r := Reported{From: d.from(n), Executed: []frame.Tick{executed, executed}, Opened: executed}
	for _, t := range saved {
		r.Saved = append(r.Saved, Saved{0, t}, Saved{1, t})
	}
	d.step(r)
}

func (d *driver) want(what, want string) {
	d.t.Helper()
	if got := d.took(); got != want {
		d.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func running(t *testing.T, workers int) *driver {
	t.Helper()
	d := newDriver(t, recoveryConfig(workers))
	if d.m.Phase() != Running {
		t.Fatalf("phase %d after %q", d.m.Phase(), d.took())
	}
	d.took()
	return d
}
