package plane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/netio"
)

// tcpShape lets a tick be sent while the next one is made, and keeps what is under way within the cache that the cores share: without a limit to
// the ticks ahead, a sender writes every frame into the coldest memory of the arena, and a row costs it 31 ns in place of 24.
func tcpShape(ordered bool) shape {
	return shape{
		Tasks: 64, Ordered: ordered, BatchRows: 2048, TickRows: 28672, FrameBytes: 256 << 10,
		SegmentBytes: 1 << 20, ArenaBytes: 16 << 20, CreditBytes: 4 << 20, Ahead: 4, Sums: true,
	}
}

// tcp is a session of shuffle-tcp.
type tcp struct {
	start func(ctx context.Context) (*child, error)
	shape shape
	apart bool // the child is another process: each of the two keeps to half of the processors, also where bare net.Buffers are measured
}

func openTCP(s shape) func(context.Context, measure.Env) (measure.Session, error) {
	return func(_ context.Context, env measure.Env) (measure.Session, error) {
		return measure.Func(newTCP(s, env).measure), nil
	}
}

func newTCP(s shape, env measure.Env) *tcp {
	return &tcp{shape: s, apart: true, start: func(ctx context.Context) (*child, error) { return startProcess(ctx, env.Exe) }}
}

// measure runs the shuffle, and before it, for two fifths of d, bare net.Buffers between the same two processes: as a program has them, and over
// a connection like the link's.
func (t *tcp) measure(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	bare, err := t.buffers(ctx, d/5)
	if err != nil {
		return sample, err
	}
	unpaced, err := t.unpacedBuffers(ctx, d/5)
	if err != nil {
		return sample, err
	}
	sample, err = t.shuffle(ctx, d-2*(d/5))
	if err != nil {
		return sample, err
	}
	bytes := sample.Value * sample.Ratios["link_bytes_per_row"]
	sample.Ratios["of_net_buffers"] = bytes / bare.Value
	sample.Ratios["of_unpaced_net_buffers"] = bytes / unpaced.Value
	sample.Ratios["net_buffers_bytes_per_s"] = bare.Value
	sample.Ratios["net_buffers_cpu_ns_per_byte"] = bare.Ratios["cpu_ns_per_byte"]
	return sample, nil
}

func (t *tcp) child(ctx context.Context, task peerTask) (*child, error) {
	c, err := t.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("child process: %w", err)
	}
	return c.begin(task)
}

func (t *tcp) shuffle(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	token := rand.Text()
	peer, err := t.child(ctx, peerTask{Role: roleShuffle, Token: token, Shape: t.shape, Apart: t.apart})
	if err != nil {
		return sample, err
	}
	var result peerResult
	var sent sent
	err = confined(t.apart, 0, func() (err error) {
		result, sent, err = t.send(ctx, peer, token, d)
		return err
	})
	if err != nil {
		return sample, err
	}
	n := result.Sums.Rows
	return measure.Sample{Value: float64(n) / sent.took.Seconds(), Ratios: measure.Ratios{
		"link_bytes_per_row":       float64(sent.bytes) / float64(n),
		"sender_cpu_ns_per_row":    measure.PerRow(sent.cpu, n),
		"receiver_cpu_ns_per_row":  measure.PerRow(result.CPU, n),
		"sender_make_ns_per_row":   measure.PerRow(sent.busy.make, n),
		"sender_send_ns_per_row":   measure.PerRow(sent.busy.send, n),
		"receiver_read_ns_per_row": measure.PerRow(result.Read, n),
		"bytes_per_flush":          float64(sent.bytes) / float64(max(sent.flushes, 1)),
	}}, nil
}

// sent is what the sending side knows after a repetition.
type sent struct {
	took, cpu      time.Duration
	bytes, flushes uint64
	allocs         uint64 // heap objects
	busy           busyTimes
}

// send runs the sending node until the child has read everything. The child has ended when it returns.
func (t *tcp) send(ctx context.Context, peer *child, token string, d time.Duration) (r peerResult, s sent, err error) {
	n, err := newNode(senderNode, t.shape, token, "")
	if err != nil {
		return r, s, peer.end(err)
	}
	defer func() { err = errors.Join(err, n.close()) }()
	link, err := n.endpoint.Dial(netio.Peer{Node: receiverNode, Incarnation: 1, Addr: peer.Addr}, n.exchange.Outgoing(receiverNode))
	if err != nil {
		return r, s, peer.end(err)
	}
	n.link.Store(link)
	link.Wake()
	cpu, start := measure.ProcessCPU(), time.Now()
	n.core.until = start.Add(d)
	defer context.AfterFunc(ctx, n.halt)()
	err = errors.Join(n.core.run(n.exchange.Idle), n.err(), ctx.Err())
	s = sent{cpu: measure.ProcessCPU() - cpu, busy: n.core.busy}
	if err != nil {
		return r, s, peer.end(err)
	}
	if err := link.Close(ctx); err != nil {
		return r, s, peer.end(err)
	}
	s.bytes, s.flushes = link.Stats().BytesOut, link.Stats().Flushes
	if r, err = peer.result(); err != nil {
		return r, s, err
	}
	s.took = time.Since(start) // the child's end included, so that the last rows are
	return r, s, r.Sums.Check(rows.Stream(0).Want(n.core.producer.made))
}
