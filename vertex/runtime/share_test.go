package runtime

import (
	"fmt"
	"testing"

	"github.com/streamscope/streamscope/ringlog"
)

// TestNodesShareMemory runs the same nodes as over loopback, cuts included, with frames read in place; where segments cannot be
// shared, which is so in race builds, everything crosses the links.
func TestNodesShareMemory(t *testing.T) {
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	for _, nodes := range []int{2, 3} {
		t.Run(fmt.Sprintf("nodes=%d", nodes), func(t *testing.T) {
			shared := runNodes(t, nodes, Schedule{Bytes: 128 << 10}, LinksAuto)
			for again := 0; shared == 0 && arena.CanShare() && again < 5; again++ { // cuts can come before any end has said SHARE
				shared = runNodes(t, nodes, Schedule{Bytes: 128 << 10}, LinksAuto)
			}
			if (shared > 0) != arena.CanShare() {
				t.Errorf("%d bytes were shared; segments can be: %v", shared, arena.CanShare())
			}
		})
	}
}

func TestLinkModesParse(t *testing.T) {
	for _, m := range []LinkMode{LinksTCP, LinksAuto, LinksShm} {
		if got, err := ParseLinkMode(m.String()); err != nil || got != m {
			t.Errorf("%v: got %v, %v", m, got, err)
		}
	}
	if _, err := ParseLinkMode("udp"); err == nil {
		t.Error("udp is a link mode")
	}
}

// Memory that no other process may map is not that of files, whoever keeps the past of the node.
func TestBacking(t *testing.T) {
	for _, c := range []struct {
		cfg  NodeConfig
		want ringlog.Backing
	}{
		{NodeConfig{Nodes: 1, Links: LinksAuto}, ringlog.Anonymous},
		{NodeConfig{Nodes: 2, Links: LinksAuto}, ringlog.Memfd},
		{NodeConfig{Nodes: 2, Links: LinksTCP}, ringlog.Anonymous},
		{NodeConfig{Nodes: 2, Links: LinksAuto, Recovery: &Recovery{}}, ringlog.Anonymous},
		{NodeConfig{Nodes: 2, Links: LinksAuto, Images: &Images{}}, ringlog.Anonymous}, // of which Recovery is made later
	} {
		if got := c.cfg.backing(); got != c.want {
			t.Errorf("%d nodes, %v, recovery %v, images %v: got %v, want %v", c.cfg.Nodes, c.cfg.Links, c.cfg.Recovery != nil, c.cfg.Images != nil, got, c.want)
		}
	}
}
