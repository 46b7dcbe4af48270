package replica

import (
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// away lends what is on a disk, and counts how often that was read.
type away struct{ waits, lent int }

type lentAway struct {
	mine
	*away
}

func (l lentAway) Release() { l.lent-- }

func (a *away) Lend(_ frame.Pos, wait bool) (Lent, error) {
	if !wait {
		return nil, ErrAway
	}
	a.waits++
	a.lent++
	return lentAway{away: a}, nil
}

// What is at hand goes while a disk stands; what is on the disk goes in order when it answers, one entry at a time; and nothing stays lent when the connection ends.
func TestNobodyWaitsForDisks(t *testing.T) {
	var reads []func()
	woken := 0
	n := New(Config{Self: Member{1, 1}, Wake: func(frame.NodeID) { woken++ }, Elsewhere: func(read func()) { reads = append(reads, read) }})
	peer, disk := Member{2, 1}, &away{}
	journal := n.Own(Stream{Kind: Journal, ID: 1}, OwnedConfig{})
	log := n.Own(Stream{Kind: Log, ID: 1}, OwnedConfig{Lender: disk})
	out := n.Outgoing(peer)
	last := map[*Owned]uint64{} // what the peer has
	attach := func() {
		if err := out.Attach(wire.Hello{}); err != nil {
			t.Fatal(err)
		}
		for _, w := range []*Owned{journal, log} {
			w.SetPeers([]Member{peer})
			b := wire.AppendHeld(nil, wire.Held{Stream: w.Stream().wire(), Promised: 1, Life: 1, Last: last[w]})
			h, err := wire.ParseHead(b, 1<<16)
			if err != nil {
				t.Fatal(err)
			}
			out.Gather(nil, 1<<20) // the promise
			m, err := netio.CheckReverse(b[:h.Len])
			if err == nil {
				err = out.Receive(m)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	attach()
	const entries = 20
	for i := range frame.Tick(entries) {
		log.Note(i+1, frame.Pos(i), mine{}.Bytes())
	}
	gather := func() int {
		defer out.Sent(nil)
		return len(out.Gather(nil, 1<<20))
	}
	for i := range frame.Tick(6) {
		if _, err := journal.Append(i+1, []byte("record")); err != nil {
			t.Fatal(err)
		}
		if gather() == 0 || len(reads) != 1 || gather() != 0 {
			t.Fatalf("record %d: it waits, or %d reads were begun", i, len(reads))
		}
	}
	for i := range entries {
		before := woken
		reads[i]()
		if woken == before || gather() == 0 || len(reads) != min(i+2, entries) {
			t.Fatalf("after read %d: %d were begun, and the link was woken: %v", i, len(reads), woken > before)
		}
	}
	last[journal], last[log] = 6, entries
	log.Note(entries+1, entries, mine{}.Bytes())
	log.Note(entries+2, entries+1, mine{}.Bytes())
	for i, late := range []bool{false, true} { // the connection ends with one that was read and not sent, then with one that is being read
		if gather(); len(reads) != entries+1+i {
			t.Fatalf("%d reads were begun, want %d", len(reads), entries+1+i)
		}
		if !late {
			reads[entries+i]()
		}
		out.Detach(nil)
		if late {
			reads[entries+i]()
		}
		if disk.lent != 0 {
			t.Errorf("%d are still lent", disk.lent)
		}
		attach()
	}
}
