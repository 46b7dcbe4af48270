package shuffle

import (
	"errors"
	"testing"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// A bit that flips in the log, behind the sum, is found by whoever sends the frame again: else the peer would refuse it for ever.
func TestDamageInTheLogIsFound(t *testing.T) {
	edges := []Edge{{ID: 0, Schema: testSchema, Source: TaskRange{0, 2}, Destination: TaskRange{2, 2}, Keys: []int{0}}}
	l := newTestLife(t, Cluster{Nodes: 2, Cores: 1}, edges, 0, 1, Start{}, 4096, 1<<20)
	var failed error
	l.cfg.Fail = func(err error) { failed = err }
	b := batch.NewBuilder(testSchema)
	for i := range int64(40) {
		appendTestRow(b, i, i)
	}
	p, out := l.Port(0), l.peers[1]
	if ok, err := p.Append(0, 0, 1, b.View()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	p.Close(0, 0, 1, 1, 0, 1)
	if ok, err := p.FlushAll(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	gather := func(session wire.Session) [][]byte {
		out.mustGrant(t, wire.TypeAttach, wire.Grant{Session: session, Open: 1})
		defer out.Detach(nil)
		defer out.Sent(nil)
		return out.Gather(nil, 1<<20)
	}
	first := gather(1)
	if again := gather(2); len(again) != len(first) || failed != nil {
		t.Fatalf("%d pieces, then %d: %v", len(first), len(again), failed)
	}
	data := first[1] // behind the BEGIN
	data[frame.HeaderLen+3] ^= 4
	if pieces := gather(3); len(pieces) != 1 || !errors.Is(failed, frame.ErrCorrupt) {
		t.Errorf("%d pieces of a damaged log: %v", len(pieces), failed)
	}
}
