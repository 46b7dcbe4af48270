package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
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
		Stages: []StageShape{{Name: "read", Nodes: nodes, To: []StageID{1}, Source: true}, {Name: "write", Nodes: nodes[workers-1:]}},
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
	last  map[string]Effect
}

func newDriver(t *testing.T, c Config) *driver {
	t.Helper()
	m, err := NewMachine(c)
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{t: t, m: m, now: 1, rec: c.Recovery.Stored.Clone(), life: make([]frame.Incarnation, c.Workers), last: map[string]Effect{}}
	d.rec.grow(len(c.Recovery.Stages), c.Workers)
	d.step(Clock{d.now})
	return d
}

func (d *driver) from(n int) From {
	return From{Node: nodeID(n), Epoch: 7, Incarnation: d.life[n]}
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
		d.step(Ready{From: d.from(int(e.Node)), Addr: "there", Fingerprint: 42})
	case Connect:
		d.note("connect%d", e.Node)
		d.step(Linked{d.from(int(e.Node))})
	case Relink:
		d.note("relink%d:%d.%d", e.Node, e.Peer.Node, e.Peer.Incarnation)
	case Run:
		d.note("run%d", e.Node)
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
	case Abort:
		d.note("abort")
		d.step(Aborted{})
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

func TestStartIsRegisteredFirst(t *testing.T) {
	c := recoveryConfig(2)
	m, err := NewMachine(c)
	if err != nil {
		t.Fatal(err)
	}
	got := m.Step(Clock{5})
	want := fmt.Sprint([]Effect{Persist{Txn{Epoch: 7, Schedule: c.Tick.Schedule(5), Register: []Registration{{0, 1}, {1, 1}}}}})
	if fmt.Sprint(got) != want {
		t.Fatalf("got %v, want %s", got, want)
	}
	if got := fmt.Sprint(m.Step(Persisted{})); got != fmt.Sprint([]Effect{Spawn{0, 1}, Spawn{1, 1}}) {
		t.Errorf("got %s", got)
	}
	d := newDriver(t, c)
	d.want("start", "spawn0.1 start0 spawn1.1 start1 connect0 run0 connect1 run1")
	if a := d.last["control.Start"].(Start).Assignment; a.Incarnation != 1 || fmt.Sprint(a.Restore) != "[0 0]" {
		t.Errorf("assignment %+v", a)
	}
}

func TestLostWorkerIsReplaced(t *testing.T) {
	d := running(t, 3)
	d.lose(1)
	d.want("lost", "spawn1.2 start1 relink0:1.2 connect1 run1 relink2:1.2")
	if peers := d.last["control.Connect"].(Connect).Peers; len(peers) != 3 || peers[1].Incarnation != 2 || peers[2].Incarnation != 1 {
		t.Errorf("peers %+v", peers)
	}
	// What the first life says now, and its end, once more, means nothing.
	old := From{Node: 1, Epoch: 7, Incarnation: 1}
	d.step(Finished{From: old}, Failed{From: old, Reason: "x"}, Lost{Node: 1, Incarnation: 1}, Reported{From: old})
	d.want("the first life", "")
	if s := d.m.stats(); s.Recovery.Recoveries != 1 || s.Recovery.Resumed {
		t.Errorf("stats %+v", s.Recovery)
	}
}

func TestFailedWorkerIsKilledFirst(t *testing.T) {
	d := running(t, 2)
	d.step(Failed{From: d.from(0), Reason: "out of memory"})
	d.want("failed", "kill0.1")
	d.lose(0)
	d.want("gone", "spawn0.2 start0 connect0 run0 relink1:0.2")
	d.step(Failed{From: d.from(0), Reason: "out of memory"})
	d.wait(100)
	d.want("a process that does not end", "kill0.2 spawn0.3 start0 connect0 run0 relink1:0.3")
}

func TestSeveralLostAtOnce(t *testing.T) {
	d := running(t, 3)
	d.hold = true
	d.lose(0)
	first := *d.asked
	d.lose(2)
	d.want("both", "")
	d.hold = false
	d.persist()
	// Who is ready first waits for the other, and links to it as it is then.
	d.want("persisted", "spawn0.2 start0 spawn2.2 start2 connect0 run0 relink1:0.2 relink1:2.2 connect2 run2")
	if len(first.Register) != 1 || first.Register[0] != (Registration{0, 2}) {
		t.Errorf("first transaction %+v", first)
	}
}

func TestLostAgainDuringRecovery(t *testing.T) {
	d := running(t, 2)
	d.hold = true
	d.lose(0)
	d.persist() // registered, spawned, and greeted
	d.want("registered", "spawn0.2 start0 connect0 run0 relink1:0.2")
	d.lose(0)
	d.lose(1)
	d.hold = false
	d.persist()
	d.want("again", "spawn0.3 start0 spawn1.2 start1 connect0 run0 connect1 run1")
}

func TestGivesUpWithoutProgress(t *testing.T) {
	d := running(t, 1)
	for i := range DefaultGiveUp - 1 {
		d.report(0, frame.Tick(10))
		d.step(Failed{From: d.from(0), Reason: fmt.Sprint("bad row ", i)})
		d.lose(0)
	}
	if d.outcome != nil {
		t.Fatalf("given up too early: %+v", d.outcome)
	}
	d.report(0, 11) // progress
	for i := range DefaultGiveUp {
		d.report(0, frame.Tick(11)) // none
		d.step(Failed{From: d.from(0), Reason: fmt.Sprint("worse row ", i)})
		d.lose(0)
	}
	if d.outcome == nil || !strings.HasPrefix(d.outcome.Reason, "worse row 4 (given up after 5 failures of worker 0") {
		t.Errorf("outcome %+v", d.outcome)
	}
}

// TestGivesUpForOneUnit has one unit that fails at the same tick again and again, while another on its node gets on.
func TestGivesUpForOneUnit(t *testing.T) {
	d := running(t, 1)
	for i := range DefaultGiveUp {
		d.step(Reported{From: d.from(0), Executed: []frame.Tick{frame.Tick(10 + i), 7}})
		d.step(Failed{From: d.from(0), Reason: "bad row"})
		d.lose(0)
	}
	if d.outcome == nil || !strings.HasPrefix(d.outcome.Reason, "bad row (given up") {
		t.Errorf("outcome %+v", d.outcome)
	}
}

func TestSilence(t *testing.T) {
	d := running(t, 2)
	for range 3 {
		d.report(0, 1)
		d.want("within the lease", "")
		d.wait(100)
	}
	d.want("silence", "kill1.1")
	d.lose(1)
	d.took()
	d.report(0, 1)
	d.report(1, 1)
	d.wait(10_000)
	d.want("the manager was away", "")
}

func TestBaseIsCommittedBeforeTrim(t *testing.T) {
	d := running(t, 2)
	d.hold = true
	d.report(0, 10, 8)
	d.report(1, 10, 8)
	// One transaction, from the sink up.
	if d.asked == nil || !slices.Equal(d.asked.Bases, []UnitBase{{Unit{0, 0}, Base{8, 0}}, {Unit{0, 1}, Base{8, 0}}, {Unit{1, 1}, Base{8, 0}}}) {
		t.Fatalf("asked %+v", d.asked)
	}
	d.persist()
	d.want("one generation", "") // trims lag by one
	d.report(1, 20, 16)
	d.want("before the commit", "")
	d.hold = false
	d.persist()
	want := fmt.Sprintf("trim0:[[0 8] [%d 8]] trim1:[[0 8] [%[1]d 8]]", uint64(frame.MaxTick))
	if got := d.took(); !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q first", got, want)
	}
	// A unit that executed less than its image says has no base there.
	d.report(0, 15, 16)
	if b := d.rec.Bases[0][0]; b != (Base{8, 0}) {
		t.Errorf("base %+v", b)
	}
	d.lose(0)
	if a := d.last["control.Start"].(Start).Assignment; fmt.Sprint(a.Restore) != "[8 0]" || a.Needs[1][1] != 8 {
		t.Errorf("assignment %+v", a)
	}
	if s := d.m.stats().Recovery; s.LeastBase != 8 || s.NewestSaved != 16 {
		t.Errorf("stats %+v", s)
	}
}

func TestUnreadableImage(t *testing.T) {
	d := running(t, 2)
	for _, at := range []frame.Tick{8, 16} {
		d.report(1, at, at)
		d.report(0, at, at)
	}
	if got := fmt.Sprint(d.rec.Bases); got != "[[{16 8} {16 8}] [{0 0} {16 8}]]" {
		t.Fatalf("bases %s", got)
	}
	d.lose(1)
	d.took()
	unreadable := func(n int, stage StageID, at frame.Tick) {
		d.step(Failed{From: d.from(n), Reason: "sum is wrong", Unreadable: &Saved{stage, at}})
		d.lose(n)
	}
	// The sink goes back; the source of node 0 has what it will ask for, the one of node 1 starts again anyhow.
	unreadable(1, 1, 16)
	if got := fmt.Sprint(d.rec.Bases); got != "[[{8 8} {8 8}] [{0 0} {8 8}]]" {
		t.Errorf("bases %s", got)
	}
	d.want("fallen back", "kill1.2 spawn1.3 start1 relink0:1.3 connect1 run1")
	if a := d.last["control.Start"].(Start).Assignment; fmt.Sprint(a.Restore) != "[8 8]" {
		t.Errorf("assignment %+v", a)
	}
	unreadable(1, 1, 8)
	d.wait(200)
	d.wait(200)
	if d.outcome == nil || !strings.Contains(d.outcome.Reason, "stage 1 (write) on node 1 cannot restart: its image at tick 8 cannot be read, and none before it is kept") {
		t.Errorf("outcome %+v", d.outcome)
	}
}

// TestProducerThatBeganTooLate falls back behind where a producer's log begins: the producer has to start again.
func TestProducerThatBeganTooLate(t *testing.T) {
	d := running(t, 2)
	for _, at := range []frame.Tick{8, 16} {
		d.report(1, at, at)
		d.report(0, at, at)
	}
	d.lose(0)
	d.lose(1)
	d.took()
	d.step(Failed{From: d.from(1), Reason: "sum is wrong", Unreadable: &Saved{1, 16}})
	d.want("fallen back", "kill1.2 kill0.2")
	d.lose(0)
	d.lose(1)
	d.want("both", "spawn0.3 start0 spawn1.3 start1 connect0 run0 connect1 run1")
	if got := fmt.Sprint(d.m.rec.bases.restore(0), d.m.rec.bases.restore(1)); got != "[8 0] [8 8]" {
		t.Errorf("restored at %s", got)
	}
}

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
	d.want("nobody was left to stop", "abort end")
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

func TestMarks(t *testing.T) {
	d := running(t, 2)
	d.report(0, 5)
	d.wait(100)
	d.want("not all sources have reported", "")
	d.report(1, 7)
	d.wait(0)
	d.wait(50)
	d.want("first", "mark0:16 mark1:16")
	d.wait(50)
	d.want("second", "mark0:25 mark1:25")
	d.wait(50)
	d.want("two are under way", "")
	d.lose(0)
	if a := d.last["control.Start"].(Start).Assignment; !slices.Equal(a.Marks, []frame.Tick{16, 25}) {
		t.Errorf("assignment %+v", a)
	}
	d.took()
	d.report(0, 30, 16, 25)
	d.step(Reported{From: d.from(1), Executed: []frame.Tick{30, 30}, Opened: 30, Missed: 25})
	d.wait(50)
	d.want("missed twice: four times as far ahead", "mark0:63 mark1:63")
	d.step(Reported{From: d.from(1), Executed: []frame.Tick{70, 70}, Opened: 70, Unsaved: []Unsaved{{Saved{0, 63}, "full"}, {Saved{1, 63}, "full"}}})
	d.report(0, 70, 63)
	d.took()
	d.wait(50)
	d.want("one could not be saved", "mark0:103 mark1:103")
	if u := d.m.stats().Recovery.Unsaved; len(u) != 2 || u[0] != (UnsavedUnit{Unit{0, 1}, 63, "full"}) {
		t.Errorf("unsaved %+v", u)
	}
}

func TestSlack(t *testing.T) {
	k := newMarks(1, 0)
	missed, want := true, uint64(slackStart)
	now := TimeNs(1)
	one := func() {
		k.next(now, 0)
		now++
		k.next(now, 0)
		if len(k.open) != 1 {
			t.Fatalf("open %d", k.open)
		}
		k.settle(func(frame.Tick) (bool, bool) { return true, missed })
	}
	for range 30 {
		one()
		if want = min(2*want, slackMax); k.slack != want {
			t.Fatalf("slack %d, want %d", k.slack, want)
		}
	}
	missed = false
	for i := range 100 {
		one()
		if (i+1)%goodMarks == 0 {
			want = max(want/2, slackMin)
		}
		if k.slack != want {
			t.Fatalf("slack %d, want %d", k.slack, want)
		}
	}
	if k.next(now+5, frame.MaxTick-3) != 0 {
		t.Error("a mark behind the end of ticks")
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
		"a consumer has":    func(c *Config) { c.Recovery.Stored.Bases = [][]Base{{{5, 0}, {}}, {{}, {}}} },
		"the one before is": func(c *Config) { c.Recovery.Stored.Bases = [][]Base{{{}, {}}, {{}, {1, 2}}} },
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
