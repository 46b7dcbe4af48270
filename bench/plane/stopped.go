package plane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// How long the consumer of stopped-consumer stands still, and what comes in meanwhile: 32 MB/s.
const (
	stoppedFor           = time.Minute
	stoppedRowsPerSecond = 1e6
)

// stoppedShape has a fraction of the memory that a minute's rows would take.
func stoppedShape() shape {
	s := tcpShape(false)
	s.ArenaBytes, s.SpillDir, s.Ahead = 32<<20, os.TempDir(), 0
	return s
}

// stopped is a session of stopped-consumer: rows go to another process at a rate, its consumer stops, and goes on again.
type stopped struct {
	tcp
	rate float64 // rows per second; 0: as fast as the engine takes them
	// hold returns when the consumer has stood still for long enough.
	hold func(ctx context.Context, n *node) error
}

func openStopped(_ context.Context, env measure.Env) (measure.Session, error) {
	s := &stopped{
		tcp:  tcp{shape: stoppedShape(), start: func(ctx context.Context) (*child, error) { return startProcess(ctx, env.Exe) }},
		rate: stoppedRowsPerSecond,
		hold: func(ctx context.Context, _ *node) error {
			env.Say("the consumer stands still for %v", stoppedFor)
			return pause(ctx, stoppedFor)
		},
	}
	return measure.Func(s.measure), nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stopped) measure(ctx context.Context, _ time.Duration) (sample measure.Sample, err error) {
	token := rand.Text()
	peer, err := s.child(ctx, peerTask{Role: roleStopped, Token: token, Shape: s.shape})
	if err != nil {
		return sample, err
	}
	n, err := newNode(senderNode, s.shape, token, "")
	if err != nil {
		return sample, peer.end(err)
	}
	defer func() { err = errors.Join(err, n.close()) }()
	memory := n.watch()
	caughtUp, err := s.run(ctx, n, peer)
	peak, spilled := memory.stop()
	if err != nil {
		return sample, peer.end(err)
	}
	r, err := peer.result()
	if err != nil {
		return sample, err
	}
	made := n.core.producer.made
	return measure.Sample{Value: caughtUp.Seconds(), Ratios: measure.Ratios{
		"peak_bytes":             float64(peak + r.Peak),
		"sender_peak_bytes":      float64(peak),
		"receiver_peak_bytes":    float64(r.Peak),
		"spilled_bytes":          float64(spilled),
		"receiver_spilled_bytes": float64(r.Spilled),
		"rows":                   float64(made),
		"rows_lost":              float64(made) - float64(r.Sums.Rows),
	}}, r.Sums.Check(rows.Stream(0).Want(made))
}

// run makes rows until the consumer, stopped and set going again, has caught up with them, and returns how long that took.
func (s *stopped) run(ctx context.Context, n *node, peer *child) (caughtUp time.Duration, err error) {
	link, err := n.endpoint.Dial(netio.Peer{Node: receiverNode, Incarnation: 1, Addr: peer.Addr}, n.exchange.Outgoing(receiverNode))
	if err != nil {
		return 0, err
	}
	n.link.Store(link)
	link.Wake()
	running, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	defer context.AfterFunc(ctx, n.halt)()
	feed := s.feed(n.core)
	ran := make(chan error, 1)
	go func() {
		err := errors.Join(n.core.run(n.exchange.Idle), n.err())
		ended(fmt.Errorf("the producer has ended: %w", errors.Join(err, context.Canceled)))
		ran <- err
	}()
	caughtUp, err = s.stopAndGo(running, n, peer, feed)
	feed.end()
	if err = errors.Join(err, <-ran); err != nil {
		return 0, err
	}
	return caughtUp, link.Close(ctx)
}

// stopAndGo waits for as long as the consumer is to stand still, and then until it has caught up.
func (s *stopped) stopAndGo(ctx context.Context, n *node, peer *child, feed *feed) (time.Duration, error) {
	if err := s.hold(ctx, n); err != nil {
		return 0, context.Cause(ctx)
	}
	if _, err := io.WriteString(peer.stdin, "go on\n"); err != nil {
		return 0, err
	}
	start := time.Now()
	for s.rate > 0 && !feed.reached(n.exchange.Drained(edge)) {
		if err := pause(ctx, time.Millisecond); err != nil {
			return 0, context.Cause(ctx)
		}
	}
	return time.Since(start), nil
}

// feed is what comes in: rows at a rate, until it ends.
type feed struct {
	core  *core
	start time.Time
	rate  float64
	ended atomic.Bool
	stop  chan struct{}
}

// feed lets the core have rows, and wakes it while they come.
func (s *stopped) feed(c *core) *feed {
	f := &feed{core: c, start: time.Now(), rate: s.rate, stop: make(chan struct{})}
	c.pace = f.allowed
	go func() {
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-f.stop:
				return
			case <-ticker.C:
				c.spin.wake()
			}
		}
	}()
	return f
}

func (f *feed) allowed(now time.Time) (rows uint64, more bool) {
	if f.rate == 0 {
		return 1 << 62, !f.ended.Load()
	}
	return uint64(f.rate * now.Sub(f.start).Seconds()), !f.ended.Load()
}

// reached reports whether a tick is the last one that can have been filled by now.
func (f *feed) reached(drained frame.Tick) bool {
	rows, _ := f.allowed(time.Now())
	return uint64(drained)+1 >= rows/uint64(f.core.shape.TickRows)
}

// end ends the rows. The core may be woken once more.
func (f *feed) end() {
	f.ended.Store(true)
	close(f.stop)
	f.core.spin.wake()
}
