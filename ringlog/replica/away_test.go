package replica

import (
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// away lends what is on a disk, and counts how often somebody waited for that.
type away struct{ waits int }

func (a *away) Lend(_ frame.Pos, wait bool) (Lent, error) {
	if !wait {
		return nil, ErrAway
	}
	a.waits++
	return mine{}, nil
}

// What is at hand does not wait while a disk is read, but for one entry now and then, and all on the disk is sent in the end.
func TestJournalsDoNotWaitForDisks(t *testing.T) {
	n := New(Config{Self: Member{1, 1}, Wake: func(frame.NodeID) {}})
	peer, disk := Member{2, 1}, &away{}
	journal := n.Own(Stream{Kind: Journal, ID: 1}, OwnedConfig{})
	log := n.Own(Stream{Kind: Log, ID: 1}, OwnedConfig{Lender: disk})
	out := n.Outgoing(peer)
	if err := out.Attach(wire.Hello{}); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*Owned{journal, log} {
		w.SetPeers([]Member{peer})
		b := wire.AppendHeld(nil, wire.Held{Stream: w.Stream().wire(), Promised: 1, Life: 1})
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
	const entries = 20
	for i := range frame.Tick(entries) {
		log.Note(i+1, frame.Pos(i), mine{}.Bytes())
	}
	for i := range frame.Tick(6) {
		if _, err := journal.Append(i+1, []byte("record")); err != nil {
			t.Fatal(err)
		}
		before := disk.waits
		if pieces := out.Gather(nil, 1<<20); len(pieces) == 0 || disk.waits-before != int(i%2) {
			t.Errorf("record %d went in %d pieces after %d reads, want %d", i, len(pieces), disk.waits-before, i%2)
		}
		out.Sent(nil)
	}
	for disk.waits < entries {
		if pieces := out.Gather(nil, 1<<20); len(pieces) == 0 {
			t.Fatalf("nothing is sent after %d of %d entries", disk.waits, entries)
		}
		out.Sent(nil)
	}
	if p := log.Stats().Peers[0]; p.LagBytes != int64(entries*len(mine{}.Bytes())) || len(out.Gather(nil, 1<<20)) != 0 {
		t.Errorf("%+v", p)
	}
}
