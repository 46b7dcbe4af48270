package shuffle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// PeerError ends a shuffle: a process is lost, and nothing is recovered.
type PeerError struct {
	Node int
	Addr string
	Err  error
}

func (e *PeerError) Error() string {
	return fmt.Sprintf("shuffle: lost process %d at %s: %v", e.Node, e.Addr, e.Err)
}

func (e *PeerError) Unwrap() error { return e.Err }

// What a PeerError says.
var (
	ErrLeft      = errors.New("it left before the end")
	ErrRestarted = errors.New("another process has taken its place")
	ErrGone      = errors.New("it is gone or silent")
	ErrRefused   = errors.New("it refuses this process: token, name or configuration differ")
)

// peer is another process: the link to it, the link from it, and how they are.
type peer struct {
	node    int
	addr    string
	out, in atomic.Pointer[netio.Link]
	mu      struct {
		sync.Mutex
		out, in linkState
		joined  bool      // was whole once
		since   time.Time // when it was whole last; before it ever was, the start
		err     error     // the last thing that went wrong
	}
}

// linkState is how a link is.
type linkState uint8

const (
	linkAway linkState = iota
	linkHere
	linkLeft // closed by the other process, all being done
)

// connect opens the endpoint, expects the others, asks where they are, and dials them.
func (s *Shuffle) connect() (err error) {
	c := &s.cfg
	quiet := c.PeerTimeout / 2 // a silent link is down after it, and lost after as long again
	s.endpoint, err = netio.Listen(netio.Config{
		Identity: wire.Identity{Job: c.identity(), Node: frame.NodeID(c.Self), Incarnation: 1, Token: []byte(c.Token)},
		Listen:   c.Peers[c.Self], MaxFrameBytes: c.FrameBytes,
		PingEvery: quiet / 4, Silence: quiet, WriteTimeout: quiet, HelloTimeout: quiet, BackoffMax: max(quiet/4, 10*time.Millisecond),
		Events: netio.Events{Up: s.linkUp, Down: s.linkDown, Refused: s.linkRefused, Retry: s.linkRetry},
	})
	if err != nil {
		return fmt.Errorf("shuffle: %w", err)
	}
	for n, p := range s.peers {
		if p == nil {
			continue
		}
		p.mu.since = time.Now()
		in := &heard{s.exchange.from[n], s}
		l, err := s.endpoint.Expect(netio.Peer{Node: frame.NodeID(n), Incarnation: 1}, in)
		if err != nil {
			return err
		}
		p.in.Store(l)
	}
	addrs := c.Peers
	if c.Meet != nil {
		if addrs, err = c.Meet(s.endpoint.Addr()); err != nil {
			return fmt.Errorf("shuffle: meeting the other processes: %w", err)
		}
		if len(addrs) != len(c.Peers) {
			return fmt.Errorf("shuffle: meeting the other processes: got %d addresses, want %d", len(addrs), len(c.Peers))
		}
	}
	for n, p := range s.peers {
		if p == nil {
			continue
		}
		p.addr = addrs[n]
		out := &sameLife{outgoing: s.exchange.peers[n], s: s, p: p}
		l, err := s.endpoint.Dial(netio.Peer{Node: frame.NodeID(n), Incarnation: 1, Addr: p.addr}, out)
		if err != nil {
			return err
		}
		p.out.Store(l)
	}
	return nil
}

// heard is an incoming side that tells the pace which ticks the other process's writers have closed.
type heard struct {
	*incoming
	s *Shuffle
}

func (h *heard) Frame(b []byte) error {
	if err := h.incoming.Frame(b); err != nil || h.s.cfg.Ordered {
		return err
	}
	if len(b) < frame.HeaderLen || frame.Type(b[4]) != frame.Close {
		return nil
	}
	entries, err := frame.ParseClose(frame.DecodeHeader(b), b, nil)
	if err != nil {
		return err
	}
	if err := h.s.pace.note(entries...); err != nil {
		return err
	}
	h.s.wakeDriver()
	return nil
}

// sameLife is an outgoing side that notices when another process answers in place of the one that it began with. Sessions of one receiver
// only rise; one that begins anew knows nothing of what was sent before.
type sameLife struct {
	*outgoing
	s    *Shuffle
	p    *peer
	last wire.Session
}

func (o *sameLife) Receive(m wire.Message) error {
	if m.Type == wire.TypeAttach {
		for i := range m.Len() {
			if g := m.Grant(i); g.Session <= o.last {
				err := &PeerError{o.p.node, o.p.addr, ErrRestarted}
				o.s.fail(err)
				return err
			}
			o.last = m.Grant(i).Session
		}
	}
	return o.outgoing.Receive(m)
}

func (s *Shuffle) wakePeer(n frame.NodeID) {
	for _, l := range []*netio.Link{s.peers[n].in.Load(), s.peers[n].out.Load()} {
		if l != nil {
			l.Wake()
		}
	}
}

func (s *Shuffle) linkUp(l *netio.Link, _ uint64, _ string) {
	p := s.peers[l.Peer().Node]
	p.mu.Lock()
	p.set(l, linkHere)
	whole := p.whole()
	p.mu.joined = p.mu.joined || whole
	p.mu.Unlock()
	if f := s.cfg.Events.PeerUp; whole && f != nil {
		f(p.node)
	}
}

// set is called with the peer's lock held, as whole is.
func (p *peer) set(l *netio.Link, is linkState) {
	if p.whole() {
		p.mu.since = time.Now()
	}
	if l.Outgoing() {
		p.mu.out = is
	} else {
		p.mu.in = is
	}
}

func (p *peer) whole() bool { return p.mu.out != linkAway && p.mu.in != linkAway }

// linkDown judges the end of a connection. A peer may close its links once it has taken all that was sent to it, and sent all it had.
func (s *Shuffle) linkDown(l *netio.Link, _ uint64, err error) {
	p := s.peers[l.Peer().Node]
	is := linkAway
	if errors.Is(err, netio.ErrBye) && s.doneWith(l) {
		is = linkLeft
	}
	p.mu.Lock()
	was := p.whole()
	p.set(l, is)
	p.mu.err = err
	p.mu.Unlock()
	if s.leaving.Load() || is == linkLeft || s.hasFailed() {
		return
	}
	if errors.Is(err, netio.ErrBye) {
		s.fail(&PeerError{p.node, p.addr, ErrLeft})
		return
	}
	if f := s.cfg.Events.PeerDown; was && f != nil {
		f(p.node, err)
	}
}

// doneWith tells whether nothing is missing of what a link was to carry.
func (s *Shuffle) doneWith(l *netio.Link) bool {
	n := l.Peer().Node
	if l.Outgoing() {
		return s.exchange.peers[n].idle()
	}
	return s.exchange.from[n].edges[theEdge].prog.closed == frame.MaxTick
}

func (s *Shuffle) linkRetry(l *netio.Link, err error, _ time.Duration) {
	p := s.peers[l.Peer().Node]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.err = err
}

func (s *Shuffle) linkRefused(l *netio.Link, _ string, reason wire.Reason, err error) {
	if l != nil && reason.Final() {
		p := s.peers[l.Peer().Node]
		s.fail(&PeerError{p.node, p.addr, fmt.Errorf("%w: %w", ErrRefused, err)})
	}
}

// watchPeers fails the shuffle when a process has been away for too long.
func (s *Shuffle) watchPeers(now time.Time) {
	for _, p := range s.peers {
		if p == nil || s.leaving.Load() {
			continue
		}
		if err := p.lost(now, s.cfg.JoinTimeout, s.cfg.PeerTimeout/2); err != nil {
			s.fail(err)
		}
	}
}

func (p *peer) lost(now time.Time, join, quiet time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := quiet
	if !p.mu.joined {
		limit = join
	}
	away := now.Sub(p.mu.since)
	if p.whole() || away < limit {
		return nil
	}
	err := fmt.Errorf("%w for %v", ErrGone, away.Round(time.Millisecond))
	if p.mu.err != nil {
		err = fmt.Errorf("%w: %w", err, p.mu.err)
	}
	return &PeerError{p.node, p.addr, err}
}

// close says goodbye on both links.
func (p *peer) close(ctx context.Context) {
	for _, l := range []*netio.Link{p.out.Load(), p.in.Load()} {
		if l != nil {
			_ = l.Close(ctx) // a peer that does not answer in time has all it needs
		}
	}
}

func (p *peer) count(st *Stats) {
	for _, l := range []*netio.Link{p.out.Load(), p.in.Load()} {
		if l != nil {
			c := l.Stats()
			st.BytesIn += c.BytesIn
			st.BytesOut += c.BytesOut
		}
	}
}
