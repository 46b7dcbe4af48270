package netio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Endpoint is one node's end of all its links. Its methods may be called from anywhere.
type Endpoint struct {
	cfg      Config
	listener net.Listener // nil if it only dials
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup // every goroutine of the endpoint
	slots    chan struct{}  // of handshakes of accepted connections

	now     atomic.Int64 // coarse clock, nanoseconds since start, never 0
	start   time.Time
	refused [wire.Reasons]atomic.Uint64
	cuts    [Causes]atomic.Uint64

	mu struct {
		sync.Mutex
		closed bool
		links  map[linkKey]*Link
		conns  map[*conn]struct{} // attached
	}
}

type linkKey struct {
	node     frame.NodeID
	lane     uint8
	outgoing bool
}

// Listen makes an endpoint and, if cfg names an address, listens there. An error is a bad configuration or an address that cannot be had.
func Listen(cfg Config) (*Endpoint, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	e := &Endpoint{cfg: cfg, start: time.Now(), slots: make(chan struct{}, cfg.MaxHandshakes)}
	e.now.Store(1)
	e.mu.links = make(map[linkKey]*Link)
	e.mu.conns = make(map[*conn]struct{})
	if cfg.Listen != "" {
		ln, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("netio: %w", err)
		}
		e.listener = ln
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	if e.listener != nil {
		e.spawn(e.acceptLoop)
	}
	e.spawn(e.watchLoop)
	return e, nil
}

// Addr is the address listened at, empty if the endpoint only dials.
func (e *Endpoint) Addr() string {
	if e.listener == nil {
		return ""
	}
	return e.listener.Addr().String()
}

// ErrDuplicate means that the endpoint has this link already.
var ErrDuplicate = errors.New("link exists")

// Dial makes the link from this node to peer: out's frames go there, over connections that are made, and made again, in the background.
// The error wraps ErrDuplicate or ErrClosed.
func (e *Endpoint) Dial(peer Peer, out Outgoing) (*Link, error) {
	l := newLink(e, peer, true, outSide{out})
	tell(out, l)
	if err := e.add(l); err != nil {
		return nil, err
	}
	if !e.spawn(l.dialLoop) {
		l.finish(ErrClosed)
		return nil, ErrClosed
	}
	return l, nil
}

// Expect makes the link from peer to this node: connections that this life of peer dials bring in its frames. Others that call
// themselves so are refused. The error wraps ErrDuplicate or ErrClosed.
func (e *Endpoint) Expect(peer Peer, in Incoming) (*Link, error) {
	l := newLink(e, peer, false, &inSide{Incoming: in, maxFrame: e.cfg.MaxFrameBytes})
	tell(in, l)
	if err := e.add(l); err != nil {
		return nil, err
	}
	return l, nil
}

func tell(user any, l *Link) {
	if u, ok := user.(Linked); ok {
		u.Linked(l)
	}
}

func (e *Endpoint) add(l *Link) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := l.key()
	if e.mu.closed {
		return ErrClosed
	}
	if _, ok := e.mu.links[key]; ok {
		return fmt.Errorf("%w: %v", ErrDuplicate, l)
	}
	e.mu.links[key] = l
	return nil
}

// forget removes the link, unless another has taken its place.
func (e *Endpoint) forget(l *Link) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := l.key()
	if e.mu.links[key] == l {
		delete(e.mu.links, key)
	}
}

func (l *Link) key() linkKey { return linkKey{l.peer.Node, l.peer.Lane, l.outgoing} }

func (e *Endpoint) expected(node frame.NodeID, lane uint8) *Link {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.mu.links[linkKey{node, lane, false}]
}

// enroll puts c under the watch; false if the endpoint is closed.
func (e *Endpoint) enroll(c *conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.conns[c] = struct{}{}
	return !e.mu.closed
}

func (e *Endpoint) discharge(c *conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.mu.conns, c)
}

// spawn starts f as a goroutine of the endpoint; false if it is closed.
func (e *Endpoint) spawn(f func()) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		return false
	}
	e.running.Add(1)
	go func() {
		defer e.running.Done()
		f()
	}()
	return true
}

// Close cuts all links, without BYE (Link.Close says it), and returns when every goroutine and descriptor of the endpoint is gone
// and every Outgoing and Incoming is detached.
func (e *Endpoint) Close() {
	e.mu.Lock()
	e.mu.closed = true
	var links []*Link
	for _, l := range e.mu.links {
		links = append(links, l)
	}
	for c := range e.mu.conns {
		c.cut(ErrClosed)
	}
	e.mu.Unlock()
	e.cancel()
	if e.listener != nil {
		_ = e.listener.Close()
	}
	e.running.Wait()
	for _, l := range links {
		l.finish(ErrClosed)
	}
}

// Counters counts what ended connections, and what was refused at this end.
type Counters struct {
	Refused [wire.Reasons]uint64 // by wire.Reason; Welcome counts hellos that could not be read
	Cuts    [Causes]uint64       // by Cause
}

// Counters returns the counters.
func (e *Endpoint) Counters() (c Counters) {
	for i := range e.refused {
		c.Refused[i] = e.refused[i].Load()
	}
	for i := range e.cuts {
		c.Cuts[i] = e.cuts[i].Load()
	}
	return c
}

// watchLoop moves the coarse clock and looks after connections.
func (e *Endpoint) watchLoop() {
	every := min(e.cfg.PingEvery, e.cfg.Silence, e.cfg.WriteTimeout) / 4
	t := time.NewTicker(max(every, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-t.C:
			e.watch(int64(time.Since(e.start)) + 1)
		}
	}
}

// watch looks at all connections at the time now, in nanoseconds of the coarse clock.
func (e *Endpoint) watch(now int64) {
	e.now.Store(now)
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.mu.conns {
		c.watch(now)
	}
}
