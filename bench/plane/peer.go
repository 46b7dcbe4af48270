package plane

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/bench/kernel"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/plane/staged"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// The two nodes of a measurement between processes.
const (
	senderNode   frame.NodeID = 0
	receiverNode frame.NodeID = 1
)

// betweenNodes places all producers on the sender and all consumers on the receiver.
func betweenNodes(cores int) shuffle.Cluster {
	return shuffle.Cluster{Nodes: 2, Cores: cores, Placed: func(r shuffle.TaskRange, n frame.NodeID) shuffle.TaskRange {
		at := receiverNode
		if r.First == 0 {
			at = senderNode
		}
		if n != at {
			return shuffle.TaskRange{First: r.First}
		}
		return r
	}}
}

// peerRole is what a child process is asked for.
type peerRole string

const (
	roleShuffle peerRole = "shuffle" // receive a shuffle
	roleBuffers peerRole = "buffers" // read one connection to its end
	roleShare   peerRole = "share"   // the other half of a shuffle through shared memory
	roleLink    peerRole = "link"    // receive frames over a link
	roleStopped peerRole = "stopped" // receive a shuffle, and stop after the first tick until a line comes
	roleRows    peerRole = "rows"    // read one connection to its end and sum the rows
	roleWide    peerRole = "wide"    // run the job of `wide`
)

// peerTask is the one line that a child reads, as JSON.
type peerTask struct {
	Role  peerRole
	Token string
	Shape shape
	Apart bool          // keep to half of the processors, the parent has the others
	Addr  string        // roleShare: of the parent
	For   time.Duration // roleShare, roleWide: make rows for so long
}

// peerReady is the first line that a child writes: where it listens.
type peerReady struct{ Addr string }

// peerResult is the second one: what it received, and what that cost.
type peerResult struct {
	Sums    rows.Sums
	Made    uint64 // rows that it sent
	Bytes   int64
	CPU     time.Duration // of the process, since it was ready
	Read    time.Duration // of the core: reading and summing
	Allocs  uint64        // heap objects allocated meanwhile
	Spilled int64         // bytes that were on disk at most
	Wide    staged.Result // roleWide
	Peak    int64         // roleWide, roleStopped: bytes of memory
	Message string        // an error, else empty
}

// Peer is the child process: it reads its task from in, writes two lines to out, and ends early when in does.
func Peer(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("bench peer: no task on standard input: %w", err)
	}
	var task peerTask
	if err := json.Unmarshal(line, &task); err != nil {
		return fmt.Errorf("bench peer: task: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	goOn := make(chan struct{}, 1)
	go func() {
		defer cancel() // with the parent
		for {
			if _, err := lines.ReadBytes('\n'); err != nil {
				return
			}
			select {
			case goOn <- struct{}{}:
			default:
			}
		}
	}()
	say := func(v any) error { return json.NewEncoder(out).Encode(v) }
	var result peerResult
	err = confined(task.Apart, 1, func() (err error) {
		result, err = task.run(ctx, say, goOn)
		return err
	})
	if err != nil {
		result.Message = err.Error()
	}
	return errors.Join(err, say(result))
}

// run does what the task asks for. goOn gets something when a line comes.
func (t peerTask) run(ctx context.Context, say func(any) error, goOn <-chan struct{}) (peerResult, error) {
	switch t.Role {
	case roleBuffers:
		return receiveBuffers(ctx, say)
	case roleShuffle:
		return receiveShuffle(ctx, t, say, nil)
	case roleStopped:
		return receiveShuffle(ctx, t, say, goOn)
	case roleShare:
		return shareAsChild(ctx, t, say)
	case roleLink:
		return receiveLink(ctx, t, say)
	case roleRows:
		return receiveRows(ctx, say)
	case roleWide:
		return wideAsChild(ctx, t, say)
	}
	return peerResult{}, fmt.Errorf("bench peer: unknown role %q", t.Role)
}

func receiveBuffers(ctx context.Context, say func(any) error) (r peerResult, err error) {
	c, err := acceptOne(ctx, say)
	if err != nil {
		return r, err
	}
	cpu := measure.ProcessCPU()
	r.Bytes, err = kernel.Drain(c)
	r.CPU = measure.ProcessCPU() - cpu
	return r, errors.Join(err, c.Close())
}

// acceptOne says where it listens and waits for one connection.
func acceptOne(ctx context.Context, say func(any) error) (net.Conn, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer func() {
		stop()
		_ = ln.Close()
	}()
	if err := say(peerReady{ln.Addr().String()}); err != nil {
		return nil, err
	}
	return ln.Accept()
}

// node is one end of a shuffle between processes.
type node struct {
	*plant
	endpoint *netio.Endpoint
	link     atomic.Pointer[netio.Link]
	core     *core
	stop     atomic.Bool
	quit     chan struct{} // closed when a link must not wait for room any more
	gone     chan error    // takes why the connection ended
}

func newNode(self frame.NodeID, s shape, token, listen string) (*node, error) {
	n := &node{quit: make(chan struct{}), gone: make(chan error, 1)}
	n.core = &core{shape: s, spin: newSpinner(), stop: &n.stop}
	n.core.peers = []*core{n.core}
	edges, cluster := s.edges(1), betweenNodes(1)
	var err error
	n.plant, err = newPlant(s, shuffle.ExchangeConfig{
		Cluster: cluster, Self: self, Edges: edges,
		Wake:     func(int) { n.core.spin.wake() },
		WakePeer: n.wakePeer,
		Room:     n.room,
	})
	if err != nil {
		return nil, err
	}
	n.core.port = n.exchange.Port(0)
	if self == senderNode {
		n.core.producer = newProducer(0)
		if s.Ahead > 0 {
			n.core.drained = func() uint64 { return uint64(n.exchange.Drained(edge)) }
		}
	} else {
		n.core.consumer = newConsumer(edges[0].Destination, s.Ordered)
		n.core.consumer.done = func(t frame.Tick) { n.exchange.SetDrained(edge, t) }
	}
	n.endpoint, err = netio.Listen(netio.Config{
		Identity: wire.Identity{Job: "bench", Node: self, Incarnation: 1, Token: []byte(token)},
		Listen:   listen, MaxFrameBytes: s.FrameBytes,
		Events: netio.Events{Down: func(_ *netio.Link, _ uint64, err error) { n.down(err) }},
	})
	if err != nil {
		return nil, errors.Join(err, n.plant.close())
	}
	return n, nil
}

func (n *node) wakePeer(frame.NodeID) {
	if l := n.link.Load(); l != nil {
		l.Wake()
	}
}

func (n *node) room(ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-n.quit:
		return netio.ErrClosed
	}
}

// down ends the measurement when the connection broke: a figure with a reconnection in it says nothing.
func (n *node) down(err error) {
	select {
	case n.gone <- err:
	default:
	}
	if !errors.Is(err, netio.ErrBye) && !errors.Is(err, netio.ErrClosed) {
		n.fail(err)
		n.halt()
	}
}

// halt makes the core stop.
func (n *node) halt() {
	n.stop.Store(true)
	n.core.spin.wake()
}

func (n *node) close() error {
	close(n.quit)
	n.endpoint.Close()
	return n.plant.close()
}

// receiveShuffle is the consumer. With goOn, it stops when it has executed the first ticks, until goOn says so.
func receiveShuffle(ctx context.Context, task peerTask, say func(any) error, goOn <-chan struct{}) (r peerResult, err error) {
	n, err := newNode(receiverNode, task.Shape, task.Token, "127.0.0.1:0")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	defer context.AfterFunc(ctx, n.halt)()
	link, err := n.endpoint.Expect(netio.Peer{Node: senderNode, Incarnation: 1}, n.exchange.Incoming(senderNode))
	if err != nil {
		return r, err
	}
	n.link.Store(link)
	if goOn != nil {
		taken := n.watch()
		defer func() { r.Peak, r.Spilled = taken.stop() }()
		n.core.consumer.done = func(t frame.Tick) {
			if t > 1 {
				n.exchange.SetDrained(edge, t)
				return
			}
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
	}
	if err := say(peerReady{n.endpoint.Addr()}); err != nil {
		return r, err
	}
	cpu := measure.ProcessCPU()
	if err := n.core.run(func() bool { return true }); err != nil {
		return r, err
	}
	r.CPU = measure.ProcessCPU() - cpu
	r.Sums, r.Bytes, r.Read = n.core.consumer.sums, int64(link.Stats().BytesIn), n.core.busy.read
	if err := n.err(); err != nil {
		return r, err
	}
	select {
	case <-n.gone: // the sender says goodbye when it has seen the last close acknowledged
	case <-ctx.Done():
	}
	return r, ctx.Err()
}
