package shuffle

import (
	"slices"
	"testing"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// What a node has of former lives is told once, and only where it cannot be of this one, or of other instances.
func TestMetOnce(t *testing.T) {
	edges := make([]Edge, 3)
	for i := range edges {
		edges[i] = Edge{ID: frame.EdgeID(i), Schema: testSchema, Source: TaskRange{0, 2}, Destination: TaskRange{2, 2}, Keys: []int{0}}
	}
	var met []wire.Grant
	x := newTestLifeIn(t, ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 2 << 20}, Cluster{Nodes: 2, Cores: 1}, edges, 0, 2, Start{}, 4096, func(cfg *ExchangeConfig) {
		cfg.Starts, cfg.Copier = nil, nil
		cfg.Met = func(e frame.EdgeID, n frame.NodeID, closed frame.Tick) {
			met = append(met, wire.Grant{Edge: e, Session: wire.Session(n), Closed: closed})
		}
	})
	x.raced[1] = true
	session := wire.Session(0)
	attach := func(e frame.EdgeID, closed frame.Tick) {
		t.Helper()
		session++
		b := wire.AppendAttach(nil, []wire.Grant{{Edge: e, Session: session, Closed: closed}})
		h, err := wire.ParseHead(b, len(b))
		if err != nil {
			t.Fatal(err)
		}
		m, err := wire.Decode(b[:h.Len])
		if err == nil {
			err = x.Outgoing(1).Receive(m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	attach(0, 5)
	attach(0, 8)
	attach(1, 5)
	x.Renew(1)
	attach(2, 5)
	if want := []wire.Grant{{Edge: 0, Session: 1, Closed: 5}}; !slices.Equal(met, want) {
		t.Errorf("told %+v, want %+v", met, want)
	}
}
