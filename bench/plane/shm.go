package plane

import (
	"context"
	"crypto/rand"
	"errors"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/hostlink"
)

// shmShape is that of shuffle-local, two ticks farther ahead, since the reader's progress comes over the link.
func shmShape(ordered bool) shape {
	s := localShape(ordered)
	s.CreditBytes, s.Ahead = 4<<20, 4
	return s
}

// shm is a session of shuffle-shm: two processes of one core, each a producer for the other one's half of the tasks. So the work is that of
// shuffle-local, but every row is read by another process than the one that made it.
type shm struct {
	start func(ctx context.Context) (*child, error)
	shape shape
}

func openShm(s shape) func(context.Context, measure.Env) (measure.Session, error) {
	return func(_ context.Context, env measure.Env) (measure.Session, error) {
		m := &shm{shape: s, start: func(ctx context.Context) (*child, error) { return startProcess(ctx, env.Exe) }}
		return measure.Func(m.measure), nil
	}
}

// measure runs the shuffle between processes, and for a third of d within this one, so that the two are compared in the same conditions.
func (m *shm) measure(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	local, err := measureLocal(localShape(m.shape.Ordered))(ctx, d/3)
	if err != nil {
		return sample, err
	}
	sample, err = m.shuffle(ctx, d-d/3)
	if err != nil {
		return sample, err
	}
	sample.Ratios["of_local"] = sample.Value / local.Value
	sample.Ratios["local_rows_per_s"] = local.Value
	return sample, nil
}

func (m *shm) shuffle(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	token := rand.Text()
	h, err := newHalf(senderNode, m.shape, token)
	if err != nil {
		return sample, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	peer, err := m.start(ctx)
	if err != nil {
		return sample, err
	}
	if peer, err = peer.begin(peerTask{Role: roleShare, Token: token, Shape: m.shape, Addr: h.endpoint.Addr(), For: d}); err != nil {
		return sample, err
	}
	cpu, start := measure.ProcessCPU(), time.Now()
	if err := h.run(ctx, peer.Addr, d); err != nil {
		return sample, peer.end(err)
	}
	r, err := peer.result()
	if err != nil {
		return sample, err
	}
	took, cpu := time.Since(start), measure.ProcessCPU()-cpu
	own := h.core.consumer.sums
	err = errors.Join(r.Sums.Check(rows.Stream(0).Want(h.core.producer.made)), own.Check(rows.Stream(1).Want(r.Made)))
	if err != nil {
		return sample, err
	}
	n, sent := own.Rows+r.Sums.Rows, h.out.Load().Stats()
	return measure.Sample{Value: float64(n) / took.Seconds(), Ratios: measure.Ratios{
		"cpu_ns_per_row":       measure.PerRow(cpu+r.CPU, n),
		"link_bytes_per_row":   float64(sent.BytesOut) / float64(h.core.producer.made),
		"shared_bytes_per_row": float64(h.host.Stats().SharedBytes) / float64(h.core.producer.made),
	}}, nil
}

// half is one of the two processes.
type half struct {
	*plant
	host     *hostlink.Host
	endpoint *netio.Endpoint
	out      atomic.Pointer[netio.Link]
	core     *core
	stop     atomic.Bool
	quit     chan struct{} // closed when a link must not wait for room any more
	gone     chan struct{} // the other half said goodbye
	other    frame.NodeID
}

// crossed are two edges, one each way, each with half of the tasks.
func (s shape) crossed() ([]shuffle.Edge, shuffle.Cluster) {
	one, half := s.edges(1)[0], s.Tasks/2
	two := one
	one.Source, one.Destination = shuffle.TaskRange{First: 0, Count: 1}, shuffle.TaskRange{First: 2, Count: half}
	two.ID, two.Source, two.Destination = 1, shuffle.TaskRange{First: 1, Count: 1}, shuffle.TaskRange{First: 2 + frame.TaskID(half), Count: half}
	return []shuffle.Edge{one, two}, shuffle.Cluster{Nodes: 2, Cores: 1, Placed: func(r shuffle.TaskRange, n frame.NodeID) shuffle.TaskRange {
		at := receiverNode
		if r.First == one.Source.First || r.First == two.Destination.First {
			at = senderNode
		}
		if n != at {
			return shuffle.TaskRange{First: r.First}
		}
		return r
	}}
}

func newHalf(self frame.NodeID, s shape, token string) (_ *half, err error) {
	h := &half{quit: make(chan struct{}), gone: make(chan struct{}, 1), other: 1 - self}
	h.core = &core{shape: s, spin: newSpinner(), stop: &h.stop}
	h.core.peers = []*core{h.core}
	edges, cluster := s.crossed()
	h.plant, err = newPlant(s, shuffle.ExchangeConfig{
		Cluster: cluster, Self: self, Edges: edges,
		Wake: func(int) { h.core.spin.wake() }, WakePeer: func(n frame.NodeID) { h.host.Wake(n) }, Room: h.room,
	})
	if err != nil {
		return nil, err
	}
	h.core.port = h.exchange.Port(0)
	h.core.producer = newProducer(frame.TaskID(self))
	h.core.producer.edge = frame.EdgeID(self)
	h.core.consumer = newConsumer(edges[h.other].Destination, s.Ordered)
	h.core.consumer.edge = frame.EdgeID(h.other)
	h.core.consumer.done = func(t frame.Tick) { h.exchange.SetDrained(frame.EdgeID(h.other), t) }
	h.core.drained = func() uint64 { return uint64(h.exchange.Drained(frame.EdgeID(self))) }
	if err := h.listen(wire.Identity{Job: "bench", Node: self, Incarnation: 1, Token: []byte(token)}); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *half) listen(id wire.Identity) (err error) {
	if h.host, err = hostlink.Listen(hostlink.Config{Identity: id, Arena: h.arena}); err != nil {
		return err
	}
	h.endpoint, err = netio.Listen(netio.Config{Identity: id, Listen: "127.0.0.1:0", Events: netio.Events{Down: h.down}})
	if err != nil {
		return err
	}
	peer := netio.Peer{Node: h.other, Incarnation: 1}
	_, err = h.endpoint.Expect(peer, h.host.Incoming(peer, h.exchange.Incoming(h.other).(shuffle.SharedIncoming)))
	h.core.mail = h.host.Poller()
	return err
}

func (h *half) room(ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-h.quit:
		return netio.ErrClosed
	}
}

// down ends the measurement when a connection broke: a figure with a reconnection in it says nothing.
func (h *half) down(l *netio.Link, _ uint64, err error) {
	if !errors.Is(err, netio.ErrBye) && !errors.Is(err, netio.ErrClosed) {
		h.fail(err)
		h.halt()
	}
	if !l.Outgoing() {
		select {
		case h.gone <- struct{}{}:
		default:
		}
	}
}

func (h *half) halt() {
	h.stop.Store(true)
	h.core.spin.wake()
}

// run makes and reads rows until both halves have read everything, and says goodbye.
func (h *half) run(ctx context.Context, addr string, d time.Duration) error {
	to := netio.Peer{Node: h.other, Incarnation: 1, Addr: addr}
	out, err := h.endpoint.Dial(to, h.host.Outgoing(to, h.exchange.Outgoing(h.other)))
	if err != nil {
		return err
	}
	h.out.Store(out)
	out.Wake()
	defer context.AfterFunc(ctx, h.halt)()
	h.core.until = time.Now().Add(d)
	err = pinned(int(h.other), func() error { return h.core.run(h.exchange.Idle) })
	if err := errors.Join(err, h.err(), ctx.Err()); err != nil {
		return err
	}
	if err := out.Close(ctx); err != nil {
		return err
	}
	select {
	case <-h.gone:
	case <-ctx.Done():
	}
	return errors.Join(h.err(), ctx.Err())
}

func (h *half) close() error {
	close(h.quit)
	var errs []error
	if h.endpoint != nil {
		h.endpoint.Close()
	}
	if h.host != nil {
		errs = append(errs, h.host.Close())
	}
	return errors.Join(append(errs, h.plant.close())...)
}

// shareAsChild is the other half.
func shareAsChild(ctx context.Context, task peerTask, say func(any) error) (r peerResult, err error) {
	h, err := newHalf(receiverNode, task.Shape, task.Token)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := say(peerReady{h.endpoint.Addr()}); err != nil {
		return r, err
	}
	cpu := measure.ProcessCPU()
	if err := h.run(ctx, task.Addr, task.For); err != nil {
		return r, err
	}
	r.CPU = measure.ProcessCPU() - cpu
	r.Sums, r.Made = h.core.consumer.sums, h.core.producer.made
	return r, nil
}
