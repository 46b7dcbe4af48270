package plane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// The shape of the link's measurement: a flush is eight frames of 128 KiB, as that of bare net.Buffers is; the ring holds what is on its way.
const (
	linkFlushFrames = 8
	linkTickFrames  = linkFlushFrames // frames that are acknowledged, and trimmed, together
	linkSegments    = 8
	linkCreditBytes = 4 << 20
)

var linkChain = frame.Chain{Edge: 0, Node: receiverNode}

// link is a session of netio: the frames of a ring go to another process, through credits and nothing else.
type link struct{ tcp }

func openLink(_ context.Context, env measure.Env) (measure.Session, error) {
	l := &link{tcp{apart: true, start: func(ctx context.Context) (*child, error) { return startProcess(ctx, env.Exe) }}}
	return measure.Func(l.measure), nil
}

// measure runs the link, and for three fifths of d bare net.Buffers between the same two processes: doing nothing else, also over a connection
// like the link's, and with the same rows made and summed.
func (l *link) measure(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	idle, err := l.buffers(ctx, d/5)
	if err != nil {
		return sample, err
	}
	busy, err := l.busyBuffers(ctx, d/5)
	if err != nil {
		return sample, err
	}
	unpaced, err := l.unpacedBuffers(ctx, d/5)
	if err != nil {
		return sample, err
	}
	sample, err = l.frames(ctx, d-3*(d/5))
	if err != nil {
		return sample, err
	}
	sample.Ratios["of_net_buffers"] = sample.Value / idle.Value
	sample.Ratios["of_unpaced_net_buffers"] = sample.Value / unpaced.Value
	sample.Ratios["net_buffers_bytes_per_s"] = idle.Value
	sample.Ratios["net_buffers_cpu_ns_per_byte"] = idle.Ratios["cpu_ns_per_byte"]
	sample.Ratios["of_busy_net_buffers"] = sample.Value / busy.Value
	sample.Ratios["busy_net_buffers_bytes_per_s"] = busy.Value
	return sample, nil
}

func (l *link) frames(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	token := rand.Text()
	peer, err := l.child(ctx, peerTask{Role: roleLink, Token: token, Apart: l.apart})
	if err != nil {
		return sample, err
	}
	s, err := newLinkSender()
	if err != nil {
		return sample, peer.end(err)
	}
	defer func() { err = errors.Join(err, s.arena.Close()) }()
	var sent sent
	err = confined(l.apart, 0, func() (err error) {
		sent, err = s.run(ctx, peer.Addr, token, d)
		return err
	})
	if err != nil {
		return sample, peer.end(err)
	}
	r, err := peer.result()
	if err != nil {
		return sample, err
	}
	if err := r.Sums.Check(rows.Stream(0).Want(s.made)); err != nil {
		return sample, err
	}
	took, bytes := sent.took.Seconds(), float64(sent.bytes)
	frames := float64(s.made) / logFrameRows
	return measure.Sample{Value: bytes / took, Ratios: measure.Ratios{
		"rows_per_s":                float64(s.made) / took,
		"link_bytes_per_row":        bytes / float64(s.made),
		"sender_cpu_ns_per_byte":    float64(sent.cpu) / bytes,
		"receiver_cpu_ns_per_byte":  float64(r.CPU) / bytes,
		"bytes_per_flush":           bytes / float64(max(sent.flushes, 1)),
		"sender_allocs_per_frame":   float64(sent.allocs) / frames,
		"receiver_allocs_per_frame": float64(r.Allocs) / frames,
	}}, nil
}

// linkSender makes frames in a ring when the link asks for them, so that the hand-over between threads is not part of what is measured. It
// implements netio.Outgoing.
type linkSender struct {
	arena *ringlog.Arena
	until time.Time
	link  atomic.Pointer[netio.Link]
	ended chan struct{} // closed when the last frame was gathered
	fail  chan error
	made  uint64 // rows
	mu    struct {
		sync.Mutex
		log    *ringlog.Log
		queue  netio.Queue
		unsent int // frames made and not gathered: they wait for credit
	}
	allocs allocations // since the session began
	lent   []ringlog.Lease
	begins []byte
	done   bool
}

var _ netio.Outgoing = (*linkSender)(nil)

func newLinkSender() (*linkSender, error) {
	s := &linkSender{ended: make(chan struct{}), fail: make(chan error, 1)}
	var err error
	s.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: logSegmentBytes, LimitBytes: linkSegments * logSegmentBytes})
	if err != nil {
		return nil, err
	}
	for s.arena.Step() { // all memory is populated before
	}
	s.mu.log, err = s.arena.NewLog(ringlog.LogConfig{Job: 1, Node: senderNode, Incarnation: 1, Wake: s.wake})
	if err != nil {
		return nil, errors.Join(err, s.arena.Close())
	}
	return s, nil
}

func (s *linkSender) wake() {
	if l := s.link.Load(); l != nil {
		l.Wake()
	}
}

// run sends frames to a child for d and returns when it has taken all of them.
func (s *linkSender) run(ctx context.Context, addr, token string, d time.Duration) (r sent, err error) {
	e, err := netio.Listen(netio.Config{Identity: linkIdentity(senderNode, token), MaxFrameBytes: logFrameBytes,
		Events: netio.Events{Down: func(_ *netio.Link, _ uint64, err error) { s.down(err) }}})
	if err != nil {
		return r, err
	}
	defer e.Close()
	cpu, start := measure.ProcessCPU(), time.Now()
	s.until = start.Add(d)
	l, err := e.Dial(netio.Peer{Node: receiverNode, Incarnation: 1, Addr: addr}, s)
	if err != nil {
		return r, err
	}
	s.link.Store(l)
	last := time.AfterFunc(d, l.Wake) // it may be waiting for nothing when the time is over
	defer last.Stop()
	select {
	case <-s.ended:
	case err := <-s.fail:
		return r, err
	case <-ctx.Done():
		return r, ctx.Err()
	}
	if err := l.Close(ctx); err != nil {
		return r, err
	}
	r = sent{took: time.Since(start), cpu: measure.ProcessCPU() - cpu, bytes: l.Stats().BytesOut, flushes: l.Stats().Flushes}
	r.allocs = s.allocs.count()
	return r, ctx.Err()
}

func linkIdentity(n frame.NodeID, token string) wire.Identity {
	return wire.Identity{Job: "bench", Node: n, Incarnation: 1, Token: []byte(token)}
}

// down ends the measurement when the connection broke: a figure with a reconnection in it says nothing.
func (s *linkSender) down(err error) {
	if !errors.Is(err, netio.ErrBye) && !errors.Is(err, netio.ErrClosed) {
		s.failed(err)
	}
}

func (s *linkSender) failed(err error) {
	select {
	case s.fail <- err:
	default:
	}
}

// Attach implements netio.Outgoing.
func (s *linkSender) Attach(wire.Hello) error { return nil }

// Receive takes credit, and lets the ring have the segments of acknowledged frames.
func (s *linkSender) Receive(m wire.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range m.Len() {
		g := m.Grant(i)
		take := s.mu.queue.Credit
		if m.Type == wire.TypeAttach {
			take = s.mu.queue.Attach
		}
		if err := take(g); err != nil {
			return err
		}
		s.mu.log.Trim(linkChain, g.Closed)
	}
	s.wake()
	return nil
}

// Gather leases the frames to send next, made as they are asked for, as far as credit and ring have room.
func (s *linkSender) Gather(pieces [][]byte, maxBytes int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.mu.queue.Begin(); ok {
		s.begins = wire.AppendBegin(s.begins[:0], []wire.Begin{b})
		pieces = append(pieces, s.begins)
		s.allocs.start()
	}
	ended := !time.Now().Before(s.until)
	for n := 0; n < linkFlushFrames; n++ {
		if s.mu.unsent == 0 && (ended || !s.make()) {
			break
		}
		r, ok := s.mu.queue.Next()
		if !ok {
			break
		}
		s.mu.unsent--
		lease, err := s.mu.log.Acquire(r.Pos)
		if err != nil {
			s.failed(fmt.Errorf("reading the ring: %w", err))
			break
		}
		s.lent = append(s.lent, lease)
		pieces = append(pieces, lease.Padded())
	}
	if ended && len(pieces) == 0 && s.mu.unsent == 0 && !s.done {
		s.done = true
		close(s.ended)
	}
	return pieces
}

// make writes a frame of fresh rows into the ring; false: it has no room.
func (s *linkSender) make() bool {
	b, _, err := s.mu.log.Claim(logFrameBytes)
	if err != nil {
		if !errors.Is(err, ringlog.ErrNoSegment) {
			s.failed(err)
		}
		return false
	}
	c := columnsOf(b)
	rows.Stream(0).Fill(c[0], c[1], c[2], c[3], s.made)
	tick := frame.Tick(1 + s.made/logFrameRows/linkTickFrames)
	pos := s.mu.log.Commit(frame.Header{Type: frame.Data, Tick: tick, Edge: linkChain.Edge, Node: linkChain.Node})
	s.made += logFrameRows
	s.mu.unsent++
	s.mu.queue.Push(netio.Ref{Pos: pos, Tick: tick, Len: logFrameBytes, Type: frame.Data})
	return true
}

// Sent implements netio.Outgoing.
func (s *linkSender) Sent(error) {
	for _, l := range s.lent {
		l.Release()
	}
	clear(s.lent)
	s.lent = s.lent[:0]
}

// Detach implements netio.Outgoing.
func (s *linkSender) Detach(error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.queue.Detach()
}
