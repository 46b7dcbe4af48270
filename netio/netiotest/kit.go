package netiotest

import (
	"errors"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Run runs the whole kit; start makes a fresh Net for each part.
func Run(t *testing.T, start func(t *testing.T) Net) {
	for _, part := range []struct {
		name string
		f    func(t *testing.T, n Net)
	}{
		{"Order", order}, {"SmallestWindow", smallestWindow}, {"Window", window}, {"EntitledOvertakes", entitledOvertakes},
		{"RangesOfTicks", ranges}, {"CutAndResume", cutAndResume}, {"Bye", bye}, {"ByeOfReceiver", byeOfReceiver},
		{"LyingSenders", lyingSenders}, {"LyingReceivers", lyingReceivers}, {"Refused", refused}, {"RefusesToAttach", refusesToAttach},
		{"CutInAttach", cutInAttach}, {"Panics", panics}, {"Counts", counts}, {"BothWays", bothWays}, {"Lanes", lanes},
	} {
		t.Run(part.name, func(t *testing.T) { part.f(t, start(t)) })
	}
}

// RunUnreliable runs the parts of the kit that hold whatever happens to connections: all that is sent arrives once, in order.
func RunUnreliable(t *testing.T, start func(t *testing.T) Net) {
	for _, part := range []struct {
		name string
		f    func(t *testing.T, n Net)
	}{{"Order", order}, {"SmallestWindow", smallestWindow}, {"RangesOfTicks", ranges}, {"BothWays", bothWays}} {
		t.Run(part.name, func(t *testing.T) { part.f(t, start(t)) })
	}
}

func order(t *testing.T, n Net) {
	p := join(t, n, 1<<20, 1, 2, 9)
	p.load(20, 3, 5000)
	p.load(5, 0, 0)
	p.load(3, 1, 80)
	p.done(t)
}

// A window smaller than any frame: everything goes by being entitled.
func smallestWindow(t *testing.T, n Net) {
	p := join(t, n, 1, 1, 2)
	p.load(10, 2, 200)
	p.done(t)
}

// What is not entitled stays within the window, which a sink that executes nothing shows.
func window(t *testing.T, n Net) {
	const frameLen, windowBytes = 1000, 3500
	p := join(t, n, windowBytes, 1)
	p.sink.Hold(true)
	p.load(6, 1, frameLen)
	// Tick 1 is open and entitled, and counts; credit is left for two more frames.
	n.Until("ticks 1 to 3 have arrived", func() bool {
		f, _ := p.sink.Held(1, 3)
		return len(f) == 1
	})
	p.out.Wake()
	n.Until("the acknowledgement of ticks 1 to 3", func() bool { return p.sender.Kept() <= 6 })
	if f, bytes := p.sink.Held(1, 4); len(f) != 0 || bytes != 3*frameLen {
		t.Errorf("%d bytes held with %d frames of tick 4, want %d and none", bytes, len(f), 3*frameLen)
	}
	p.sink.Hold(false)
	p.done(t)
}

func entitledOvertakes(t *testing.T, n Net) {
	p := join(t, n, 1000, 1)
	p.sender.Data(1, 2, 600)
	n.Until("the frame of tick 2 has arrived", func() bool { f, _ := p.sink.Held(1, 2); return len(f) == 1 })
	p.sender.Data(1, 2, 600) // no credit
	p.sender.Data(1, 3, 600)
	for range 4 {
		p.sender.Data(1, 1, 700) // tick 1 is open: beyond every window
	}
	p.sender.Close(1, 3, 3)
	n.Until("tick 1 has overtaken", func() bool { f, _ := p.sink.Held(1, 1); return len(f) == 4 })
	if f, _ := p.sink.Held(1, 2); len(f) != 1 {
		t.Errorf("%d frames of tick 2 arrived without credit, want 1", len(f))
	}
	if f, _ := p.sink.Held(1, 3); len(f) != 0 {
		t.Errorf("%d frames of tick 3 arrived without credit, want none", len(f))
	}
	p.sender.Close(1, 1, 1)
	p.sender.Close(1, 2, 2)
	p.loaded[1] = 3
	p.want[1] = []Tick{{1, []int{0, 1, 2, 3}}, {2, []int{0, 1}}, {3, []int{0}}}
	p.done(t)
}

// CLOSEs of ranges survive acknowledgements of their first ticks, and cuts.
func ranges(t *testing.T, n Net) {
	p := join(t, n, 1, 1)
	p.sender.Data(1, 1, 100)
	p.sender.Close(1, 1, 3)
	p.sender.Data(1, 4, 100)
	p.sender.Close(1, 4, 4)
	p.sender.Close(1, 5, 9)
	p.loaded[1] = 9
	p.want[1] = []Tick{{1, []int{0}}, {2, nil}, {3, nil}, {4, []int{0}}, {5, nil}, {6, nil}, {7, nil}, {8, nil}, {9, nil}}
	p.attached(1)
	p.out.Cut(errCut)
	p.done(t)
}

var errCut = errors.New("cut by the test")

func cutAndResume(t *testing.T, n Net) {
	p := join(t, n, 4000, 1, 2)
	for i := range 12 {
		p.load(3, 3, 1000)
		p.attached(i + 1)
		n.Until("some ticks are executed", func() bool { return p.sink.Executed(1) >= frame.Tick(2*i+1) })
		if i%2 == 0 {
			p.out.Cut(errCut)
		} else {
			p.in.Cut(errCut)
		}
		n.Until("both ends are detached", func() bool { return len(p.sender.Detached()) > i && len(p.sink.Detached()) > i })
	}
	p.done(t)
	total := 2 * 12 * 3 * 3
	if got := p.sink.Frames(); got < total {
		t.Errorf("%d frames arrived, want at least %d", got, total)
	}
	if err := p.sender.Detached()[0]; !errors.Is(err, errCut) {
		t.Errorf("the end that cut got %v, want %v", err, errCut)
	}
}

func bye(t *testing.T, n Net) {
	p := join(t, n, 1<<20, 1)
	p.load(5, 2, 3000)
	p.done(t)
	p.out.Shut()
	ends(t, p, p.out, netio.ErrClosed)
	n.Until("the sink is detached", func() bool { return len(p.sink.Detached()) == 1 })
	if err := p.sink.Detached()[0]; !errors.Is(err, netio.ErrBye) {
		t.Errorf("the sink was detached by %v, want %v", err, netio.ErrBye)
	}
	p.intact(t)
}

func ends(t *testing.T, p *pair, l Link, want error) {
	t.Helper()
	p.net.Until("the link has ended", func() bool { _, ok := l.Ended(); return ok })
	if err, _ := l.Ended(); !errors.Is(err, want) {
		t.Errorf("the link ended by %v, want %v", err, want)
	}
}

func byeOfReceiver(t *testing.T, n Net) {
	p := join(t, n, 1<<20, 1)
	p.attached(1)
	p.in.Shut()
	ends(t, p, p.out, netio.ErrBye)
	ends(t, p, p.in, netio.ErrClosed)
	p.intact(t)
}

func counts(t *testing.T, n Net) {
	p := join(t, n, 1<<20, 1)
	p.load(2, 2, 1000)
	p.done(t)
	// BEGIN, DATA of 1000 and 1001 bytes twice, two CLOSEs; padded. A flush is counted when it is over, which the other end may be first to see.
	const want = 64 + 4*1024 + 2*128
	n.Until("all bytes are counted", func() bool { return p.out.Stats().BytesOut >= want })
	in, out := p.in.Stats(), p.out.Stats()
	if in.BytesIn < want {
		t.Errorf("%d bytes in, want at least %d", in.BytesIn, want)
	}
	if in.FramesIn != 6 || in.Connections != 1 || out.Connections != 1 || out.Flushes == 0 {
		t.Errorf("in %+v, out %+v, want 6 frames on 1 connection", in, out)
	}
}

// A node pair has a link each way, and a second one is refused.
func bothWays(t *testing.T, n Net) {
	a, b := nodes(n)
	p := joinNodes(t, n, a, b, 1, 2, 1<<20, 1)
	q := joinNodes(t, n, b, a, 2, 1, 1<<20, 1)
	p.load(5, 2, 1000)
	q.load(7, 1, 2000)
	p.done(t)
	q.done(t)
	if _, err := a.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: b.Addr()}, p.sender); !errors.Is(err, netio.ErrDuplicate) {
		t.Errorf("second link: %v, want %v", err, netio.ErrDuplicate)
	}
	if _, err := b.Expect(netio.Peer{Node: 1, Incarnation: 1}, p.sink); !errors.Is(err, netio.ErrDuplicate) {
		t.Errorf("second expectation: %v, want %v", err, netio.ErrDuplicate)
	}
}

// Lanes between two nodes are links of their own: what is cut on one is not on the other.
func lanes(t *testing.T, n Net) {
	a, b := nodes(n)
	p := joinLane(t, n, a, b, 1, 2, 0, 1<<20, 1)
	q := joinLane(t, n, a, b, 1, 2, 200, 1<<20, 1, 2)
	p.load(5, 2, 1000)
	q.load(7, 1, 2000)
	p.done(t)
	q.done(t)
	q.out.Cut(netio.ErrLost)
	q.attached(2)
	p.load(1, 1, 100)
	q.load(1, 1, 200)
	p.done(t)
	q.done(t)
	if p.sender.Attaches() != 1 {
		t.Errorf("lane 0 was attached %d times, want once", p.sender.Attaches())
	}
}

func refused(t *testing.T, n Net) {
	for _, c := range []struct {
		name   string
		spoil  func(cfg *netio.Config)
		known  netio.Peer
		reason wire.Reason
		final  bool
	}{
		{"token", func(c *netio.Config) { c.Token = []byte("guess") }, netio.Peer{Node: 1, Incarnation: 1}, wire.WrongToken, true},
		{"job", func(c *netio.Config) { c.Job = "other" }, netio.Peer{Node: 1, Incarnation: 1}, wire.WrongJob, true},
		{"stale", func(*netio.Config) {}, netio.Peer{Node: 1, Incarnation: 2}, wire.Stale, true},
		{"unknown", func(*netio.Config) {}, netio.Peer{Node: 3, Incarnation: 1}, wire.UnknownNode, false},
		{"lane", func(*netio.Config) {}, netio.Peer{Node: 1, Incarnation: 1, Lane: 1}, wire.UnknownNode, false},
		{"ahead", func(c *netio.Config) { c.Incarnation = 2 }, netio.Peer{Node: 1, Incarnation: 1}, wire.NotYet, false},
	} {
		good, to := nodes(n)
		cfg := config(1)
		c.spoil(&cfg)
		cfg.Node = 1
		bad := n.Node(cfg)
		sink := NewSink(1, nil, n.Changed)
		if _, err := to.Expect(c.known, sink); err != nil {
			t.Fatal(err)
		}
		sender := NewSender(nil, n.Changed)
		l, err := bad.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: to.Addr()}, sender)
		if err != nil {
			t.Fatal(err)
		}
		n.Until(c.name+" is refused", func() bool {
			_, ended := l.Ended()
			return to.Counters().Refused[c.reason] > 0 && ended == c.final
		})
		if err, _ := l.Ended(); c.final && !errors.Is(err, netio.ErrRefused) {
			t.Errorf("%s: the link ended by %v, want %v", c.name, err, netio.ErrRefused)
		}
		if sender.Attaches()+sink.Attaches() != 0 {
			t.Errorf("%s: attached", c.name)
		}
		l.Shut()
		_ = good
	}
}

// joinOver links two nodes over one edge, to a receiver that wraps sink; it returns the receiving node as well.
func joinOver(t *testing.T, n Net, receiver netio.Incoming, sink *Sink) (*pair, Node) {
	t.Helper()
	from, to := nodes(n)
	sender := NewSender([]frame.EdgeID{1}, n.Changed)
	in, err := to.Expect(netio.Peer{Node: 1, Incarnation: 1}, receiver)
	if err != nil {
		t.Fatal(err)
	}
	sink.SetWake(in.Wake)
	out, err := from.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: to.Addr()}, sender)
	if err != nil {
		t.Fatal(err)
	}
	sender.SetWake(out.Wake)
	return &pair{net: n, sender: sender, sink: sink, edges: []frame.EdgeID{1}, want: map[frame.EdgeID][]Tick{}, loaded: map[frame.EdgeID]frame.Tick{}}, to
}

// An Incoming that refuses to attach is asked again, and then has its way.
func refusesToAttach(t *testing.T, n Net) {
	sink := &shy{Sink: NewSink(1000, []frame.EdgeID{1}, n.Changed)}
	p, to := joinOver(t, n, sink, sink.Sink)
	p.load(2, 2, 500)
	p.done(t)
	if got := to.Counters().Refused[wire.Busy]; got != 2 {
		t.Errorf("refused %d times, want 2", got)
	}
}

// A Cut from inside Attach, when the connection is not at hand yet, holds.
func cutInAttach(t *testing.T, n Net) {
	from, to := nodes(n)
	sender := &hastySender{Sender: NewSender([]frame.EdgeID{1}, n.Changed)}
	sink := &hastySink{Sink: NewSink(1000, []frame.EdgeID{1}, n.Changed)}
	var in, out Link
	ready := make(chan struct{})
	sender.attached = func() { <-ready; out.Cut(errCut) }
	sink.attached = func() { <-ready; in.Cut(errCut) }
	in, err := to.Expect(netio.Peer{Node: 1, Incarnation: 1}, sink)
	if err != nil {
		t.Fatal(err)
	}
	sink.SetWake(in.Wake)
	out, err = from.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: to.Addr()}, sender)
	if err != nil {
		t.Fatal(err)
	}
	sender.SetWake(out.Wake)
	close(ready)
	p := &pair{net: n, sender: sender.Sender, sink: sink.Sink, edges: []frame.EdgeID{1}, want: map[frame.EdgeID][]Tick{}, loaded: map[frame.EdgeID]frame.Tick{}}
	p.load(2, 2, 500)
	p.done(t)
	for end, errs := range map[string][]error{"sender": sender.Detached(), "sink": sink.Detached()} {
		if !slices.ContainsFunc(errs, func(err error) bool { return errors.Is(err, errCut) }) {
			t.Errorf("the %s was detached by %v, want %v among them", end, errs, errCut)
		}
	}
}

// hastySender and hastySink do something in their first Attach.
type hastySender struct {
	*Sender
	attached func()
}

func (s *hastySender) Attach(peer wire.Hello) error {
	err := s.Sender.Attach(peer)
	if s.Attaches() == 1 {
		s.attached()
	}
	return err
}

type hastySink struct {
	*Sink
	attached func()
}

func (s *hastySink) Attach(peer wire.Hello) error {
	err := s.Sink.Attach(peer)
	if s.Attaches() == 2 { // in another connection than the sender
		s.attached()
	}
	return err
}

// shy refuses the first two connections.
type shy struct {
	*Sink
	asked int
}

func (s *shy) Attach(peer wire.Hello) error {
	if s.asked++; s.asked <= 2 {
		return errors.New("not now")
	}
	return s.Sink.Attach(peer)
}

// equalNumbers tells whether got is 0 to n-1.
func equalNumbers(got []int, n int) bool {
	want := make([]int, n)
	for i := range want {
		want[i] = i
	}
	return slices.Equal(got, want)
}
