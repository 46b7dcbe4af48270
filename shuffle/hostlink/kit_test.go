package hostlink

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/ringlogtest"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"), goleak.Cleanup(ringlogtest.Exit))
}

// The nodes of a test: all source tasks are on one, all destination tasks on the other.
const (
	writer frame.NodeID = 0
	reader frame.NodeID = 1
)

// spec is what both ends of a test know.
type spec struct {
	Seed      uint64
	Ticks     frame.Tick
	Rows      int // per source and tick
	Unordered bool
	Polls     bool // cores look for mail themselves
	Token     string
	Segment   int
	Arena     int64
	Credit    int
	Spill     string // directory; "": none
}

func defaultSpec(t *testing.T, seed uint64) spec {
	return spec{Seed: seed, Ticks: 40, Rows: 1500, Token: fmt.Sprintf("%s-%d-%d", t.Name(), os.Getpid(), seed), Segment: 128 << 10, Arena: 4 << 20, Credit: 256 << 10}
}

const (
	sources      = 2
	destinations = 5
	frameBytes   = 16 << 10
)

var testSchema = &batch.Schema{Fields: []batch.Field{{Name: "key", Kind: batch.Int64}, {Name: "text", Kind: batch.String}}}

func (s spec) edges() []shuffle.Edge {
	return []shuffle.Edge{{Schema: testSchema, Source: shuffle.TaskRange{Count: sources}, Destination: shuffle.TaskRange{First: 50, Count: destinations},
		Keys: []int{0}, Unordered: s.Unordered}}
}

// rows makes what a source sends in a tick.
func (s spec) rows(src int, t frame.Tick) *batch.Batch {
	rng := rand.New(rand.NewPCG(s.Seed, uint64(src)<<32|uint64(t)))
	b := batch.NewBuilder(testSchema)
	for i := range s.Rows {
		key := rng.Int64N(1000)
		b.AppendTime(int64(t), 0, 0)
		b.Cols[0].AppendInt64(key)
		b.Cols[1].AppendString(fmt.Sprintf("%d-%d-%d-%d", src, t, i, key)[:rng.IntN(4)+4])
	}
	return b.View()
}

func line(b *batch.Batch, i int) string {
	return fmt.Sprintf("%d|%d|%s", b.Vs[i], b.Cols[0].Int64s()[i], b.Cols[1].Bytes(i))
}

// want is the oracle: what task dst receives in tick t, in canonical order.
func (s spec) want(t frame.Tick) (map[frame.TaskID][]string, error) {
	routing, err := partition.NewRouting(partition.KeyGroups(destinations), destinations)
	if err != nil {
		return nil, err
	}
	want := map[frame.TaskID][]string{}
	for src := range sources {
		view := s.rows(src, t)
		for i, h := range partition.HashRows(view, []int{0}, nil, make([]uint64, view.N)) {
			dst := 50 + frame.TaskID(routing.Task(h))
			want[dst] = append(want[dst], line(view, i))
		}
	}
	return want, nil
}

// node is one end of a test.
type node struct {
	spec     spec
	arena    *ringlog.Arena
	host     *Host
	endpoint *netio.Endpoint
	x        *shuffle.Exchange
	link     atomic.Pointer[netio.Link]
	mail     *Poller // nil: this core does not look
	work     chan struct{}
	failed   chan error
	downs    atomic.Int64
	ended    chan struct{} // a connection ended
	tick     frame.Tick    // the last one sent, or executed
	onTick   func(frame.Tick)
}

func newNode(self frame.NodeID, s spec) (_ *node, err error) {
	n := &node{spec: s, work: make(chan struct{}, 1), failed: make(chan error, 1), ended: make(chan struct{}, 1), onTick: func(frame.Tick) {}}
	if n.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: s.Segment, LimitBytes: s.Arena, SpillDir: s.Spill, OnError: n.fail}); err != nil {
		return nil, err
	}
	n.arena.Start()
	id := wire.Identity{Job: "job", Node: self, Incarnation: 1, Token: []byte(s.Token)}
	if n.host, err = Listen(Config{Identity: id, Arena: n.arena}); err != nil {
		return nil, err
	}
	n.endpoint, err = netio.Listen(netio.Config{Identity: id, Listen: "127.0.0.1:0", BackoffMin: time.Millisecond,
		Events: netio.Events{Down: func(_ *netio.Link, _ uint64, err error) { n.down(err) }}})
	if err != nil {
		return nil, err
	}
	if s.Polls {
		n.mail = n.host.Poller()
	}
	placed := func(r shuffle.TaskRange, at frame.NodeID) shuffle.TaskRange {
		if (r.First == 0) != (at == writer) {
			return shuffle.TaskRange{First: r.First}
		}
		return r
	}
	n.x, err = shuffle.NewExchange(shuffle.ExchangeConfig{
		Cluster: shuffle.Cluster{Nodes: 2, Cores: 1, Placed: placed}, Self: self, Job: 1, Incarnation: 1, Edges: s.edges(), Arena: n.arena,
		FrameBytes: frameBytes, CreditBytes: s.Credit, LeaseBytes: 64 << 10, Sums: true,
		Wake: func(int) { n.wake() }, WakePeer: n.host.Wake, DrainedChanged: n.wake, Fail: n.fail,
		Room: func(ready <-chan struct{}) error { <-ready; return nil },
	})
	return n, err
}

func (n *node) wake() {
	select {
	case n.work <- struct{}{}:
	default:
	}
}

func (n *node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
	n.wake()
}

// down counts lost connections; only cuts of a test are expected.
func (n *node) down(err error) {
	n.downs.Add(1)
	select {
	case n.ended <- struct{}{}:
	default:
	}
	if errors.Is(err, wire.ErrGarbage) || errors.Is(err, netio.ErrPanic) || errors.Is(err, shuffle.ErrProtocol) {
		n.fail(err)
	}
}

// wait returns when a connection has ended.
func (n *node) wait(ctx context.Context) error {
	select {
	case <-n.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *node) expect(in shuffle.SharedIncoming) error {
	peer := netio.Peer{Node: writer, Incarnation: 1}
	l, err := n.endpoint.Expect(peer, n.host.Incoming(peer, in))
	n.link.Store(l)
	return err
}

func (n *node) incoming() shuffle.SharedIncoming {
	return n.x.Incoming(writer).(shuffle.SharedIncoming)
}

func (n *node) dial(addr string) error {
	peer := netio.Peer{Node: reader, Incarnation: 1, Addr: addr}
	l, err := n.endpoint.Dial(peer, n.host.Outgoing(peer, n.x.Outgoing(reader)))
	n.link.Store(l)
	return err
}

// close frees everything, and reports what does not come back.
func (n *node) close() error {
	n.endpoint.Close()
	err := errors.Join(n.host.Close(), n.x.Close(), n.arena.Close())
	if m := n.host.Stats().MappedSegments; m != 0 {
		err = errors.Join(err, fmt.Errorf("%d segments are still mapped", m))
	}
	return err
}

// run calls step until it is done.
func (n *node) run(ctx context.Context, step func() (worked, done bool, err error)) error {
	for {
		mail := n.mail != nil && n.mail.Poll()
		worked, done, err := step()
		if err != nil || done {
			return err
		}
		if worked || mail {
			continue
		}
		if n.mail != nil && n.mail.Sleep() {
			continue
		}
		select {
		case err := <-n.failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("after tick %d: %w", n.tick, ctx.Err())
		case <-n.work:
		}
	}
}

// send is the writer's work.
func (n *node) send(ctx context.Context) error {
	port := n.x.Port(0)
	src := 0
	return n.run(ctx, func() (worked, done bool, err error) {
		if _, err := port.Poll(); err != nil {
			return false, false, err
		}
		if n.tick == n.spec.Ticks {
			flushed, err := port.FlushAll()
			return false, flushed && n.x.Idle() && n.x.Drained(0) >= n.spec.Ticks, err
		}
		tick := n.tick + 1
		if ok, err := port.Append(0, frame.TaskID(src), tick, n.spec.rows(src, tick)); err != nil || !ok {
			return false, false, err
		}
		port.Close(0, frame.TaskID(src), tick, tick, frame.CTI(tick-1), frame.CTI(tick))
		if src++; src == sources {
			src, n.tick = 0, tick
			n.onTick(tick)
			_, err = port.FlushAll()
		}
		return true, false, err
	})
}

// receive is the reader's work: every tick is compared with the oracle.
func (n *node) receive(ctx context.Context) error { return n.receiveUpTo(ctx, n.spec.Ticks) }

func (n *node) receiveUpTo(ctx context.Context, last frame.Tick) error {
	port := n.x.Port(0)
	return n.run(ctx, func() (worked, done bool, err error) {
		if _, err := port.Poll(); err != nil {
			return false, false, err
		}
		if n.tick == last {
			return false, true, nil
		}
		if port.Closed(0) <= n.tick {
			return false, false, nil
		}
		n.onTick(n.tick + 1)
		if err := n.execute(port, n.tick+1); err != nil {
			return false, false, err
		}
		n.tick++
		port.Executed(0, n.tick)
		n.x.SetDrained(0, n.tick)
		return true, false, nil
	})
}

func (n *node) execute(port *shuffle.Port, tick frame.Tick) error {
	want, err := n.spec.want(tick)
	if err != nil {
		return err
	}
	var rows batch.Batch
	for i := range destinations {
		task := 50 + frame.TaskID(i)
		var got []string
		for {
			ok, err := port.Peek(0, tick, task, &rows)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			for i := range rows.N {
				got = append(got, line(&rows, i))
			}
			port.Consume(0, rows.N)
		}
		if n.spec.Unordered {
			slices.Sort(got)
			slices.Sort(want[task])
		}
		if !slices.Equal(got, want[task]) {
			return fmt.Errorf("tick %d, task %d: got %d rows, want %d: %.200q, %.200q", tick, task, len(got), len(want[task]), got, want[task])
		}
	}
	return nil
}
