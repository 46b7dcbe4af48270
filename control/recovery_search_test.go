package control

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// searchConfig has durations that a clock step of stepNs ends, but for the lease, which takes two. There are no marks: they are numbers
// without an end, and tested on their own.
func searchConfig(workers int) Config {
	c := recoveryConfig(workers)
	c.StartNs, c.StopNs = stepNs, stepNs
	r := c.Recovery
	r.LeaseNs, r.PersistRetryNs, r.SnapshotIntervalNs, r.GiveUp, r.PersistTries, r.StoreAwayNs = 2*stepNs, stepNs, 1<<60, 2, 2, 2*stepNs
	return c
}

const stepNs = 10

// world is a machine with what its driver and its store know.
type world struct {
	m    *Machine
	rec  Stored
	fate fate
	path []Event
	// runs are by node the incarnations whose processes have been told to run, and live; 0: none.
	runs []frame.Incarnation
}

// succession is the end of the manager, after which another takes over from the store. carried: the transaction under way came to it.
type succession struct{ carried bool }

func (succession) isEvent() {}

// successionsMax bounds the managers of a path.
const successionsMax = 2

// succeed plays it.
func (w *world) succeed(carried bool) error {
	if asked := w.m.rec.asked; carried && asked != nil {
		w.rec.Apply(*asked)
	}
	c := w.m.cfg
	c.Epoch++
	w.rec.Epoch = c.Epoch
	r := *c.Recovery
	r.Stored, r.Living = w.rec.Clone(), slices.Clone(w.runs)
	c.Recovery = &r
	w.fate = fate{successions: w.fate.successions + 1, complete: w.rec.Outcome >= OutputComplete}
	for n, i := range w.runs {
		if i != w.rec.Incarnations[n] || w.rec.Outcome > OutputOpen {
			w.runs[n] = 0 // ended by the driver
		}
	}
	now := w.m.now
	var err error
	if w.m, err = NewMachine(c); err != nil {
		return err
	}
	return w.step(Clock{now})
}

// running is what the process of a node says to a new manager.
func (w *world) running(n int) Event {
	f := From{Node: nodeID(n), Epoch: w.m.cfg.Epoch, Incarnation: w.m.workers[n].alive}
	var peers []Peer
	for i := range w.m.workers {
		peers = append(peers, Peer{Node: nodeID(i), Incarnation: 1})
	}
	return Hello{From: f, Living: &Living{Knew: 7, Addr: "a", Fingerprint: 42, Peers: peers, Restored: []frame.Tick{0, 0}, Reported: Reported{From: f, Executed: []frame.Tick{9, 9}}}}
}

// fate is what has become of effects.
type fate struct {
	asked         string // the transaction under way
	successions   int
	commits, ends int
	complete      bool // OutputComplete is stored
}

func (b *bases) clone() *bases {
	c := *b
	c.units = slices.Clone(b.units)
	for i := range c.units {
		c.units[i] = slices.Clone(c.units[i])
		for j := range c.units[i] {
			c.units[i][j].saved = slices.Clone(c.units[i][j].saved)
		}
	}
	return &c
}

func (w *world) clone() *world {
	c := *w
	c.m, c.rec, c.runs = w.m.clone(), w.rec.Clone(), slices.Clone(w.runs)
	rec := *w.m.rec
	rec.bases, rec.stored, rec.unreadable = rec.bases.clone(), rec.stored.Clone(), slices.Clone(rec.unreadable)
	c.m.rec = &rec
	return &c
}

// key is the state as far as it decides about the future: incarnations count from the stored one, times from now.
func (w *world) key() string {
	m, r := w.m, w.m.rec
	s := fmt.Sprint(w.runs, r.takingOver, m.phase, w.fate, m.cause, m.deadline > m.now, r.tries, r.retryAt > m.now, r.retryAt != 0, r.allDone, r.visible, r.unreadable)
	if r.asked != nil {
		s += fmt.Sprint(r.asked.Bases, len(r.asked.Register), r.asked.Outcome)
		for _, g := range r.asked.Register {
			s += fmt.Sprint(g.Node, g.Incarnation-r.stored.Incarnations[g.Node])
		}
	}
	for i := range m.workers {
		k, last := &m.workers[i], r.stored.Incarnations[i]
		s += fmt.Sprintln(k.state, k.told, k.killed, last-k.incarnation, k.alive > 0, last-k.alive, k.down, k.due, k.awaited, k.linking, k.stale, k.blame, k.further, k.reached, k.reported,
			k.away.tries, k.away.until > m.now, min(m.now-k.away.since, 2*stepNs), k.patience > m.now, k.since+stepNs > m.now, min(m.now-k.heard, 2*stepNs))
	}
	return s + fmt.Sprint(r.bases.units)
}

// alphabet is every event that can matter. A worker speaks only while its process lives, or with the voice of one that was replaced.
func (w *world) alphabet() []Event {
	m := w.m
	evs := []Event{Clock{m.now}, Clock{m.now + stepNs}, Cancel{"enough"}}
	if w.fate.successions < successionsMax && w.fate.ends == 0 {
		evs = append(evs, succession{}, succession{carried: true})
	}
	if m.rec.asked != nil && m.rec.retryAt == 0 {
		evs = append(evs, Persisted{}, Persisted{Reason: "no space"}, Persisted{Fenced: true, Reason: "epoch 8"})
	}
	switch m.phase {
	case Committing:
		evs = append(evs, Committed{}, Committed{Reason: "disk full"})
	}
	for n := range m.workers {
		k := &m.workers[n]
		for _, inc := range []frame.Incarnation{k.alive, k.incarnation - 1} {
			f := From{Node: nodeID(n), Epoch: m.cfg.Epoch, Incarnation: inc}
			if inc == 0 || inc > k.incarnation {
				continue
			}
			evs = append(evs, Hello{From: f}, Ready{From: f, Addr: "a", Fingerprint: 42}, Linked{f}, Finished{From: f}, Failed{From: f, Reason: "bad"},
				Stopped{f}, Lost{Node: f.Node, Incarnation: inc, Reason: "killed"},
				Reported{From: f, Executed: []frame.Tick{9, 9}, Saved: []Saved{{0, 9}, {1, 9}}},
				Failed{From: f, Reason: "silence", StoreAway: true},
				Failed{From: f, Reason: "sum", Unreadable: &Saved{0, 9}})
		}
		if k.alive > 0 && w.runs[n] == k.alive {
			evs = append(evs, w.running(n))
		}
	}
	return evs
}

// step plays an event and checks what comes of it.
func (w *world) step(ev Event) error {
	if s, ok := ev.(succession); ok {
		w.path = append(slices.Clip(w.path), ev)
		return w.succeed(s.carried)
	}
	before := w.m.phase
	if l, ok := ev.(Lost); ok && w.runs[l.Node] == l.Incarnation {
		w.runs[l.Node] = 0
	}
	if p, ok := ev.(Persisted); ok && p.Reason == "" && w.m.rec.asked != nil {
		w.rec.Apply(*w.m.rec.asked)
		w.fate.asked = ""
		w.fate.complete = w.fate.complete || w.rec.Outcome >= OutputComplete
	}
	effects := w.m.Step(ev)
	w.path = append(slices.Clip(w.path), ev)
	if w.m.phase < before {
		return fmt.Errorf("phase went back from %d to %d", before, w.m.phase)
	}
	if err := w.m.rec.bases.valid(); err != nil {
		return err
	}
	for i, e := range effects {
		if err := w.check(e, i == len(effects)-1); err != nil {
			return err
		}
	}
	return nil
}

// check asserts the invariants on one effect.
func (w *world) check(e Effect, last bool) error {
	if w.fate.ends > 0 {
		return fmt.Errorf("C4: %#v after End", e)
	}
	switch e := e.(type) {
	case Persist:
		if asked := fmt.Sprint(e.Txn); w.fate.asked != "" && w.fate.asked != asked {
			return fmt.Errorf("C7: %s while %s is open", asked, w.fate.asked)
		}
		w.fate.asked = fmt.Sprint(e.Txn)
	case Run:
		w.runs[e.Node] = w.m.workers[e.Node].alive
	case Adopt:
		if w.rec.Incarnations[e.Node] != w.runs[e.Node] {
			return fmt.Errorf("R35: incarnation %d of node %d is adopted, registered is %d", w.runs[e.Node], e.Node, w.rec.Incarnations[e.Node])
		}
		if err := w.checkNeeds(e.Needs); err != nil {
			return err
		}
	case Kill:
		if w.m.phase <= Running && w.rec.Incarnations[e.Node] == e.Incarnation {
			return fmt.Errorf("C11: %+v while it is the registered one", e)
		}
	case Spawn:
		if w.rec.Incarnations[e.Node] != e.Incarnation {
			return fmt.Errorf("C8: %+v, registered is %d", e, w.rec.Incarnations[e.Node])
		}
	case Start:
		for s, t := range e.Assignment.Restore {
			if t > w.rec.Bases[s][e.Node].Base {
				return fmt.Errorf("C8: stage %d starts at %d, committed is %+v", s, t, w.rec.Bases[s][e.Node])
			}
		}
	case Trim:
		if err := w.checkNeeds(e.Needs); err != nil {
			return err
		}
	case Stop:
		if w.m.phase <= Running {
			return fmt.Errorf("C9: %#v while the run goes on", e)
		}
	case Commit:
		w.fate.commits++
		if !w.fate.complete {
			return fmt.Errorf("C2: Commit before the store has it")
		}
	case Abort:
		return fmt.Errorf("C1: Abort, where another may go on")
	case End:
		w.fate.ends++
		if n := w.fate.commits; !last || n > 1 || (n == 0 && e.Outcome.OK() && w.rec.Outcome != OutputVisible) {
			return fmt.Errorf("C1: %+v after %+v", e.Outcome, w.fate)
		}
	}
	return nil
}

func (w *world) checkNeeds(needs Needs) error {
	for s := range needs {
		for n, t := range needs[s] {
			if t != frame.MaxTick && t > w.rec.Bases[s][n].Prev {
				return fmt.Errorf("I7: trim of stage %d on node %d to %d, committed is %+v", s, n, t, w.rec.Bases[s][n])
			}
		}
	}
	return nil
}

// ends asserts that from here, with a store and workers that do what they are asked for, the run ends, and well if nothing had decided
// otherwise (C6, C10).
func (w *world) ends() error {
	well := w.m.phase <= Running
	for range 200 {
		if w.m.phase == Ended {
			if well && w.m.cause.reason != "" {
				return fmt.Errorf("C10: a run that could go on ended: %s", w.m.cause.reason)
			}
			return nil
		}
		if err := w.step(w.helpful()); err != nil {
			return err
		}
	}
	return fmt.Errorf("C6: phase %d does not end", w.m.phase)
}

// helpful is what the world does next if all is well.
func (w *world) helpful() Event {
	m := w.m
	switch {
	case m.rec.asked != nil && m.rec.retryAt == 0:
		return Persisted{}
	case m.phase == Committing && m.rec.asked == nil:
		return Committed{}
	}
	for n := range m.workers {
		k := &m.workers[n]
		f := From{Node: nodeID(n), Epoch: m.cfg.Epoch, Incarnation: k.alive}
		switch {
		case k.alive == 0:
		case k.killed:
			return Lost{Node: f.Node, Incarnation: k.alive, Reason: "killed"}
		case k.down || k.due: // it does not count any more
		case k.told && k.state != Gone:
			return Stopped{f}
		case m.phase > Running:
		case k.awaited:
			return w.running(n)
		case k.state == Absent:
			return Hello{From: f}
		case k.state == Greeted:
			return Ready{From: f, Addr: "a", Fingerprint: 42}
		case k.state == Prepared && k.linking:
			return Linked{f}
		}
	}
	for n := range m.workers { // finish last: all are to come up
		if k := &m.workers[n]; k.state == Connected && m.phase == Running && m.all(Connected) {
			return Finished{From: From{Node: nodeID(n), Epoch: m.cfg.Epoch, Incarnation: k.alive}}
		}
	}
	for n := range m.workers {
		if k := &m.workers[n]; k.alive > 0 && k.state >= Prepared && k.state < Gone && k.heard < m.now {
			return Progress{From: From{Node: nodeID(n), Epoch: m.cfg.Epoch, Incarnation: k.alive}}
		}
	}
	return Clock{m.now + stepNs}
}

// TestEveryStateOfRecovery visits the states that events in any order can reach, those that are near the beginning first; with
// STREAMSCOPE_SEEDS set, many of two workers and all of one.
func TestEveryStateOfRecovery(t *testing.T) {
	mosts := []int{5_000, 3_000}
	if os.Getenv("STREAMSCOPE_SEEDS") != "" {
		mosts = []int{1 << 20, 100_000}
	}
	for i, most := range mosts {
		workers := i + 1
		c := searchConfig(workers)
		m, err := NewMachine(c)
		if err != nil {
			t.Fatal(err)
		}
		first := &world{m: m, rec: m.rec.stored.Clone(), runs: make([]frame.Incarnation, workers)}
		if err := first.step(Clock{1}); err != nil {
			t.Fatal(err)
		}
		atWork := first.clone()
		for atWork.m.Phase() < Running {
			if err := atWork.step(atWork.helpful()); err != nil {
				t.Fatal(err)
			}
		}
		known := map[string]bool{first.key(): true, atWork.key(): true}
		frontier := []*world{first, atWork}
		adopted := 0
		for len(frontier) > 0 && len(known) < most {
			at := frontier[0]
			frontier = frontier[1:]
			if err := at.clone().ends(); err != nil {
				t.Fatalf("%v\nafter %#v", err, at.path)
			}
			for _, ev := range at.alphabet() {
				next := at.clone()
				if err := next.step(ev); err != nil {
					t.Fatalf("%v\nafter %#v", err, next.path)
				}
				if k := next.key(); !known[k] {
					known[k] = true
					adopted += next.m.rec.adopted
					frontier = append(frontier, next)
				}
			}
		}
		t.Logf("%d workers: %d states, %d not looked into, %d workers adopted", workers, len(known), len(frontier), adopted)
		if adopted == 0 {
			t.Errorf("%d workers: nobody was adopted", workers)
		}
	}
}
