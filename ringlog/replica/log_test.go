package replica_test

import (
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
)

// countLease counts leases that are not released.
type countLease struct{ open *int }

func (c countLease) Release() { *c.open-- }

// What all peers of a Log have is not kept by its owner any more, and what was left out is a gap, behind which whole ticks come again.
func TestLogKeepsOnlyWhatIsUnderWay(t *testing.T) {
	w := newWorld(t, 3)
	a, b, c := w.start(0, 1, 0), w.start(1, 1, 0), w.start(2, 1, 0)
	open := 0
	own := a.Own(replica.Stream{Kind: replica.Log, ID: 4, Dest: 2}, replica.OwnedConfig{})
	own.SetPeers([]replica.Member{b.Member, c.Member})
	add := func(tick frame.Tick) {
		open++
		if _, err := own.Append(tick, bytesOf(int(tick), 5000), countLease{&open}); err != nil {
			t.Fatal(err)
		}
	}
	all := func() bool {
		for _, p := range own.Stats().Peers {
			if p.Acked != own.Last() {
				return false
			}
		}
		return true
	}
	for tick := range frame.Tick(20) {
		add(tick + 1)
	}
	if p := own.Stats().Peers[1]; p.LagBytes != 20*5000 || p.LagTicks != 20 || p.Linked {
		t.Errorf("before anything is sent: %+v", p)
	}
	w.settle(all, false)
	if p := own.Stats().Peers[1]; p.LagBytes != 0 || p.LagTicks != 0 || !p.Linked {
		t.Errorf("once all is sent: %+v", p)
	}
	w.settle(func() bool { return open == 0 }, false)
	if st := own.Stats(); st.Bytes != 0 || open != 0 {
		t.Fatalf("%+v, %d leases", st, open)
	}

	add(21)
	own.Skip(21) // one of tick 21 that there was no room for
	if open != 0 {
		t.Errorf("%d leases are held of what will never be whole", open)
	}
	add(21) // neither is this
	add(22)
	w.settle(all, false)
	for _, p := range []*proc{b, c} {
		h := p.Held()
		if len(h) != 1 || h[0].Floor < 21 || h[0].First != 22 || h[0].Entries != 1 {
			t.Errorf("%v holds %+v", p.Member, h)
		}
	}
	if gaps := own.Stats().Peers[0].Gaps; gaps != 1 {
		t.Errorf("%d gaps, want 1", gaps)
	}
}
