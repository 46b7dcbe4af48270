package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

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

// TestNewLifeKnowsTheHolders: whoever is replaced is told where peers keep copies for it, those that are down are left out.
func TestNewLifeKnowsTheHolders(t *testing.T) {
	d := running(t, 4)
	d.hold = true
	d.lose(1)
	d.lose(3)
	d.hold = false
	d.persist() // 1 alone: 3 comes with the next transaction
	peers := d.last["control.Connect"].(Connect).Peers
	if len(peers) != 4 || peers[2].CopyAddr != "copies2" {
		t.Errorf("peers %+v", peers)
	}
	d.lose(1)
	var at []string
	for _, p := range d.last["control.Start"].(Start).Assignment.Peers {
		at = append(at, fmt.Sprintf("%s.%d", p.CopyAddr, p.Incarnation))
	}
	if got := strings.Join(at, " "); got != "copies0.1 copies2.1 copies3.2" {
		t.Errorf("holders %s", got)
	}
	if a := d.last["control.Admit"].(Admit); a.Node != 3 || a.Peer.Node != 1 || a.Peer.Incarnation != 3 {
		t.Errorf("%+v", a)
	}
}

// TestFinalFailureEndsTheRun: nobody tries again what would fail again.
func TestFinalFailureEndsTheRun(t *testing.T) {
	d := running(t, 2)
	d.step(Failed{From: d.from(0), Reason: "not deterministic", Final: true})
	d.lose(0)
	d.lose(1)
	d.want("failed", "stop0 stop1 end")
	if d.outcome == nil || d.outcome.Reason != "not deterministic" {
		t.Errorf("outcome %+v", d.outcome)
	}
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
	for i := range 1 + wholeBlame*(DefaultGiveUp-1) { // the first one counts whole
		if d.outcome != nil {
			t.Fatalf("given up after %d: %+v", i, d.outcome)
		}
		d.step(Reported{From: d.from(0), Executed: []frame.Tick{frame.Tick(10 + i), 7}})
		d.step(Failed{From: d.from(0), Reason: "bad row"})
		d.lose(0)
	}
	if d.outcome == nil || !strings.HasPrefix(d.outcome.Reason, "bad row (given up after 17 failures") {
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
	if d.asked == nil || !slices.Equal(d.asked.Bases, []UnitBase{{Unit{0, 0}, Base{Base: 8, Prev: 0}}, {Unit{0, 1}, Base{Base: 8, Prev: 0}}, {Unit{1, 1}, Base{Base: 8, Prev: 0}}}) {
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
	if b := d.rec.Bases[0][0]; b != (Base{Base: 8, Prev: 0}) {
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
	if got := fmt.Sprint(d.rec.Bases); got != "[[{16 8 0 0} {16 8 0 0}] [{0 0 0 0} {16 8 0 0}]]" {
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
	if got := fmt.Sprint(d.rec.Bases); got != "[[{8 8 0 0} {8 8 0 0}] [{0 0 0 0} {8 8 0 0}]]" {
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
	for n, want := range []string{"[8 0]", "[8 8]"} {
		if got, quiet := d.m.rec.bases.restore(nodeID(n)); quiet != nil || fmt.Sprint(got) != want {
			t.Errorf("node %d is restored at %v, quiet up to %v, want %s", n, got, quiet, want)
		}
	}
}

// A node that has dropped what is asked for starts again, as often as it takes: that is no failure.
func TestDroppedIsExecutedAgain(t *testing.T) {
	d := running(t, 2)
	for i := range 3 * DefaultGiveUp {
		d.step(Failed{From: d.from(0), Reason: "dropped ticks are asked for", Dropped: true})
		d.want("dropped", fmt.Sprintf("kill0.%d", i+1))
		d.lose(0)
		d.want("gone", fmt.Sprintf("spawn0.%d start0 connect0 run0 relink1:0.%d", i+2, i+2))
	}
	if s := d.m.Status(); s.Regenerated != 3*DefaultGiveUp || s.Recoveries != s.Regenerated {
		t.Errorf("%d of %d recoveries are for what was dropped", s.Regenerated, s.Recoveries)
	}
}
