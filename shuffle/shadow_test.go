package shuffle

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// shadowTest is two nodes, of which one writes and may drop an edge that the other reads.
type shadowTest struct {
	t       *testing.T
	rng     *rand.Rand
	k       Cluster
	edges   []Edge
	want    map[chanKey][]string
	scripts []script
	asked   []Ask // of the writer
	writer  *testLife
	reader  *testLife
	link    *testLink
}

const (
	shadowTicks = 8 // that are read before the test begins
	shadowMore  = 3 // ticks that are written later
)

func newShadowTest(t *testing.T, seed uint64, unordered bool) *shadowTest {
	rng := rand.New(rand.NewPCG(seed, 21))
	s := &shadowTest{t: t, rng: rng, k: Cluster{Nodes: 2, Cores: 1 + rng.IntN(2), Placed: oneNodeEach(2)}}
	nSrc, nDst := 1+rng.IntN(4), 1+rng.IntN(4)
	s.edges = []Edge{{Schema: testSchema, Source: TaskRange{0, nSrc}, Destination: TaskRange{50, nDst}, Keys: []int{0}, Unordered: unordered, Policy: Policy{Keep: Recompute}}}
	s.want, s.scripts = plannedRows(t, rng, nSrc, nDst, shadowTicks+shadowMore)
	s.writer, s.reader = s.life(1, 1, nil), s.life(0, 1, nil)
	s.link = &testLink{from: 1, to: 0, out: s.writer.Outgoing(0), in: s.reader.Incoming(1)}
	s.link.attach(t)
	s.write(s.writer, 0, shadowTicks)
	s.read(s.reader, s.link, shadowTicks)
	return s
}

// life is one of a node, or, with a shadow, the exchange of that.
func (s *shadowTest) life(self frame.NodeID, i frame.Incarnation, shadow *Shadow) *testLife {
	memory := ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 4 << 20, SpillDir: s.t.TempDir()}
	return newTestLifeIn(s.t, memory, s.k, s.edges, self, i, Start{}, 4096, func(cfg *ExchangeConfig) {
		cfg.Copier, cfg.Lanes, cfg.WakeLane = nil, 2, func(frame.NodeID, uint8) {}
		cfg.Asked = func(asks []Ask) { s.asked = append(s.asked, asks...) }
		if shadow != nil {
			cfg.Retain, cfg.Shadow, cfg.Asked = false, shadow, nil
		}
	})
}

func (s *shadowTest) write(l *testLife, after, through frame.Tick) {
	s.t.Helper()
	if err := l.emitAll(s.t, s.scripts, after, through, s.rng); err != nil {
		s.t.Fatal(err)
	}
}

// read lets a link carry what it can, and the node's tasks execute it, up to a tick.
func (s *shadowTest) read(l *testLife, link *testLink, through frame.Tick) {
	s.t.Helper()
	want := maps.Clone(s.want)
	for steps := 0; frame.Tick(l.done[0].node.Load()) < through; steps++ {
		if steps > 100_000 {
			s.t.Fatalf("tick %d executed, want %d", l.done[0].node.Load(), through)
		}
		link.step(s.t, s.rng)
		l.step()
		for c := range s.k.Cores {
			consume(s.t, l.Port(c), want, s.edges[0].Unordered, s.rng)
		}
	}
	s.carry(link)
}

// carry lets a link carry what is under way.
func (s *shadowTest) carry(link *testLink) {
	for range 1000 {
		link.step(s.t, s.rng)
	}
}

// renew has another life take the reader's place, which has read nothing.
func (s *shadowTest) renew() {
	s.link.cut()
	s.writer.Renew(0)
	s.reader = s.life(0, 2, nil)
	s.link = &testLink{from: 1, to: 0, out: s.writer.Outgoing(0), in: s.reader.Incoming(1)}
	s.link.attach(s.t)
	s.carry(s.link)
}

func eachShadowTest(t *testing.T, f func(s *shadowTest)) {
	for seed := range uint64(8) {
		f(newShadowTest(t, seed, seed%2 == 0))
	}
}

// What a new life asks for, and was dropped, is made again and comes before what was kept.
func TestShadowMakesAgain(t *testing.T) {
	eachShadowTest(t, func(s *shadowTest) {
		if !s.writer.DropEarly() {
			t.Fatal("nothing was dropped")
		}
		s.write(s.writer, shadowTicks, shadowTicks+shadowMore)
		s.renew()
		if want := []Ask{{Edge: 0, Node: 0, Through: shadowTicks}}; !slices.Equal(s.asked, want) || !s.writer.Wanted(s.asked) {
			t.Fatalf("asked for %+v, want %+v", s.asked, want)
		}
		reads, writes := []bool{false}, []bool{true}
		given := s.writer.NewShadow(s.asked, reads, writes)
		if given == nil || s.writer.NewShadow(s.asked, reads, writes) != nil {
			t.Fatal("want one shadow for an ask")
		}
		given.Abandon()
		shadow := s.writer.NewShadow(s.asked, reads, writes)
		x := s.life(1, 1, shadow)
		s.carry(s.link)
		if arrived := s.reader.from[1].arrived(0); arrived != 0 || shadow.Done() || shadow.Over() {
			t.Fatalf("tick %d has come before any was made; done %v, over %v", arrived, shadow.Done(), shadow.Over())
		}
		s.write(x, 0, shadowTicks)
		if !shadow.Done() || shadow.Over() {
			t.Fatalf("all is made: done %v, over %v", shadow.Done(), shadow.Over())
		}
		s.read(s.reader, s.link, shadowTicks+shadowMore)
		if !shadow.Over() || s.writer.Wanted(s.asked) {
			t.Fatal("the shadow is still read from")
		}
	})
}

// Whoever asked dies: nobody reads what is made.
func TestShadowIsOverWhenNobodyAsks(t *testing.T) {
	s := newShadowTest(t, 1, false)
	s.writer.DropEarly()
	s.renew()
	asked := s.asked
	shadow := s.writer.NewShadow(asked, []bool{false}, []bool{true})
	x := s.life(1, 1, shadow)
	s.renew()
	if !shadow.Over() || s.writer.NewShadow(asked, []bool{false}, []bool{true}) != nil && len(s.asked) == 1 {
		t.Fatal("the ask outlives who asked")
	}
	s.write(x, 0, shadowTicks) // into the void
	if n := s.writer.peers[0].mu.queues[0].Len(); n != 0 {
		t.Fatalf("%d frames wait for a life that did not ask for them", n)
	}
}

// TestAsksBeforeABadGrant: what a message asks for counts, though a later grant of it ends the connection: it is not told of again.
func TestAsksBeforeABadGrant(t *testing.T) {
	s := newShadowTest(t, 1, false)
	s.writer.DropEarly()
	s.writer.Renew(0)
	b := wire.AppendAttach(nil, []wire.Grant{{Edge: 0, Session: 7, Open: 1}, {Edge: 9, Session: 8, Open: 1}})
	head, err := wire.ParseHead(b, len(b))
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.Decode(b[:head.Len])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.writer.Outgoing(0).Receive(m); !errors.Is(err, netio.ErrUnknownEdge) {
		t.Fatalf("got %v, want that edge 9 is unknown", err)
	}
	if want := []Ask{{Edge: 0, Node: 0, Through: shadowTicks}}; !slices.Equal(s.asked, want) {
		t.Fatalf("asked for %+v, want %+v", s.asked, want)
	}
}
