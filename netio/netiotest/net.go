package netiotest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Link is what the kit uses of a netio.Link and its twin.
type Link interface {
	Wake()
	Cut(err error)
	Ended() (error, bool) // why the link ended, if it did
	Shut()                // begins an orderly close and does not wait for it
	Stats() netio.Stats
}

// Node is what the kit uses of a netio.Endpoint and its twin.
type Node interface {
	Addr() string
	Dial(peer netio.Peer, out netio.Outgoing) (Link, error)
	Expect(peer netio.Peer, in netio.Incoming) (Link, error)
	Counters() netio.Counters
}

// Net makes nodes and lets time pass.
type Net interface {
	// Node makes a node; defaults stand for what cfg leaves out, the address included.
	Node(cfg netio.Config) Node
	// Changed must be called, from anywhere, when something that Until waits for may have changed.
	Changed()
	// Until lets things happen until cond holds, and fails the test, naming what, if nothing can happen any more.
	Until(what string, cond func() bool)
}

// pair is a link of the kit: node 1 sends to node 2.
type pair struct {
	net      Net
	from, to Node
	out, in  Link
	sender   *Sender
	sink     *Sink
	edges    []frame.EdgeID
	want     map[frame.EdgeID][]Tick
	loaded   map[frame.EdgeID]frame.Tick
}

var token = []byte("the cluster's secret")

func config(node frame.NodeID) netio.Config {
	cfg := netio.Config{MaxFrameBytes: 64 << 10}
	cfg.Job, cfg.Node, cfg.Incarnation, cfg.Token = "conformance", node, 1, token
	return cfg
}

// nodes makes the two nodes of a pair.
func nodes(n Net) (from, to Node) { return n.Node(config(1)), n.Node(config(2)) }

// join makes a link between nodes 1 and 2.
func join(t *testing.T, n Net, windowBytes int, edges ...frame.EdgeID) *pair {
	from, to := nodes(n)
	return joinNodes(t, n, from, to, 1, 2, windowBytes, edges...)
}

func joinNodes(t *testing.T, n Net, from, to Node, fromID, toID frame.NodeID, windowBytes int, edges ...frame.EdgeID) *pair {
	t.Helper()
	return joinLane(t, n, from, to, fromID, toID, 0, windowBytes, edges...)
}

func joinLane(t *testing.T, n Net, from, to Node, fromID, toID frame.NodeID, lane uint8, windowBytes int, edges ...frame.EdgeID) *pair {
	t.Helper()
	p := &pair{net: n, from: from, to: to, edges: edges, want: map[frame.EdgeID][]Tick{}, loaded: map[frame.EdgeID]frame.Tick{}}
	p.sender, p.sink = NewSender(edges, n.Changed), NewSink(windowBytes, edges, n.Changed)
	var err error
	if p.in, err = to.Expect(netio.Peer{Node: fromID, Incarnation: 1, Lane: lane}, p.sink); err != nil {
		t.Fatal(err)
	}
	p.sink.SetWake(p.in.Wake)
	if p.out, err = from.Dial(netio.Peer{Node: toID, Incarnation: 1, Addr: to.Addr(), Lane: lane}, p.sender); err != nil {
		t.Fatal(err)
	}
	p.sender.SetWake(p.out.Wake)
	return p
}

// load logs ticks on every edge: each with frames DATA frames of about len bytes.
func (p *pair) load(ticks, frames, len int) {
	for range ticks {
		for _, e := range p.edges {
			tick := p.loaded[e] + 1
			p.loaded[e] = tick
			want := Tick{Tick: tick}
			for i := range frames {
				p.sender.Data(e, tick, len+i)
				want.Frames = append(want.Frames, i)
			}
			p.want[e] = append(p.want[e], want)
			p.sender.Close(e, tick, tick)
		}
	}
}

// done waits until all that was loaded is executed, and acknowledged, and compares.
func (p *pair) done(t *testing.T) {
	t.Helper()
	p.net.Until("all ticks are executed and acknowledged", func() bool {
		for _, e := range p.edges {
			if p.sink.Executed(e) < p.loaded[e] {
				return false
			}
		}
		return p.sender.Kept() == 0
	})
	for _, e := range p.edges {
		if got := p.sink.Output(e); !slices.EqualFunc(got, p.want[e], func(a, b Tick) bool {
			return a.Tick == b.Tick && slices.Equal(a.Frames, b.Frames)
		}) {
			t.Errorf("edge %d: executed %v, want %v", e, got, p.want[e])
		}
	}
	p.intact(t)
}

// intact checks that the link kept its side of the contract.
func (p *pair) intact(t *testing.T) {
	t.Helper()
	if err := p.sender.Broken(); err != nil {
		t.Errorf("towards the sender: %v", err)
	}
	if err := p.sink.Broken(); err != nil {
		t.Errorf("towards the sink: %v", err)
	}
}

// attached waits until a connection is up at both ends for the n-th time.
func (p *pair) attached(n int) {
	p.net.Until(fmt.Sprintf("connection %d is up", n), func() bool { return p.sender.Attaches() >= n && p.sink.Attaches() >= n })
}
