package shuffle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// theEdge is the one edge of a Shuffle.
const theEdge frame.EdgeID = 0

// ErrClosed: the Shuffle was closed.
var ErrClosed = errors.New("shuffle is closed")

// Shuffle is a process's part of a partitioned exchange. Its methods may be called from anywhere.
type Shuffle struct {
	cfg      Config
	stage    stage
	arena    *ringlog.Arena
	exchange *Exchange
	endpoint *netio.Endpoint // nil within one process
	peers    []*peer         // by node; nil for this one
	pace     *pace           // of an unordered shuffle
	writers  []*Writer
	readers  []*Reader
	moved    gate // opened when peers have taken something

	kick    chan struct{} // the driver has something to do
	failed  chan struct{} // closed with the first error, or by Close
	stop    func() bool   // the watch over Open's context
	running sync.WaitGroup
	closing sync.Once
	leaving atomic.Bool // peers may go
	mu      struct {
		sync.Mutex
		err error
	}
}

// Open makes this process's part of a shuffle and, between processes, begins to look for the others; it does not wait for them. When ctx
// ends, everything fails with its error. The Shuffle must be closed.
func Open(ctx context.Context, cfg Config) (*Shuffle, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Shuffle{cfg: cfg, stage: newStage(&cfg), pace: newPace(cfg.writers()), kick: make(chan struct{}, 1), failed: make(chan struct{})}
	if err := errors.Join(s.build(), ctx.Err()); err != nil {
		return nil, errors.Join(err, s.free())
	}
	s.stop = context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })
	s.start()
	return s, nil
}

// build makes everything that does not move by itself.
func (s *Shuffle) build() (err error) {
	c := &s.cfg
	keys, err := c.keyColumns()
	if err != nil {
		return err
	}
	s.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: c.SegmentBytes, LimitBytes: c.MemoryBytes, SpillDir: c.SpillDir, OnError: s.fail})
	if err != nil {
		return err
	}
	edge := Edge{ID: theEdge, Schema: c.Schema, Source: c.writers(), Destination: c.partitions(), Keys: keys, Unordered: !c.Ordered}
	s.peers = make([]*peer, c.nodes())
	for n := range s.peers {
		if n != c.Self {
			s.peers[n] = &peer{node: n}
		}
	}
	s.exchange, err = NewExchange(ExchangeConfig{
		Cluster: c.cluster(), Self: frame.NodeID(c.Self), Job: 1, Incarnation: 1, Edges: []Edge{edge}, Arena: s.arena,
		FrameBytes: c.FrameBytes, CreditBytes: c.CreditBytes, LeaseBytes: int(min(8<<20, c.MemoryBytes/8)), Sums: c.nodes() > 1,
		ReceiveReserve: c.receiveReserve(),
		Wake:           s.wake, WakePeer: s.wakePeer, DrainedChanged: s.drained, Fail: s.fail, Room: s.room,
	})
	if err != nil {
		return err
	}
	for i := range c.Writers {
		s.writers = append(s.writers, newWriter(s, i))
	}
	for i := range c.Readers {
		s.readers = append(s.readers, newReader(s, i))
	}
	if c.nodes() > 1 {
		return s.connect()
	}
	return nil
}

// Writer returns a writer of this process.
func (s *Shuffle) Writer(i int) *Writer { return s.writers[i] }

// Reader returns a reader of this process.
func (s *Shuffle) Reader(i int) *Reader { return s.readers[i] }

// Addr is where this process listens; empty for a shuffle within one.
func (s *Shuffle) Addr() string {
	if s.endpoint == nil {
		return ""
	}
	return s.endpoint.Addr()
}

// Err is what ended the shuffle; nil while it runs.
func (s *Shuffle) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.err
}

func (s *Shuffle) hasFailed() bool {
	select {
	case <-s.failed:
		return true
	default:
		return false
	}
}

// fail ends everything with its first error.
func (s *Shuffle) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.err == nil {
		if !strings.HasPrefix(err.Error(), "shuffle") {
			err = fmt.Errorf("shuffle: %w", err)
		}
		s.mu.err = err
		close(s.failed)
	}
}

// note tells the pace what a writer closed.
func (s *Shuffle) note(entries ...frame.CloseEntry) {
	if s.cfg.Ordered {
		return
	}
	if err := s.pace.note(entries...); err != nil {
		s.fail(err)
	}
}

// wake is called when a core may have something to do: the first ones are writers.
func (s *Shuffle) wake(core int) {
	if core >= s.cfg.Writers {
		s.readers[core-s.cfg.Writers].gate.open()
		return
	}
	s.writers[core].gate.open()
	s.wakeDriver()
	s.moved.open()
}

// drained is called when readers, of any process, have read on.
func (s *Shuffle) drained() {
	for _, w := range s.writers {
		w.gate.open()
	}
	s.moved.open()
}

// room waits for a free segment on behalf of a link.
func (s *Shuffle) room(ready <-chan struct{}) error {
	select {
	case <-ready:
		return nil
	case <-s.failed:
		return s.Err()
	}
}

// Close ends this process's part. After an orderly end (all of its writers closed, all of its readers at io.EOF) it waits until the other
// processes have taken everything, or one of them is lost; otherwise what is under way is dropped, and the other processes fail with a
// PeerError. Calls that wait return ErrClosed. Rows that a reader lent stay valid until its Ack or Next. It returns the error that ended the
// shuffle before, and may be called again.
func (s *Shuffle) Close() error {
	s.closing.Do(func() {
		s.leave()
		s.stop()
		s.mu.Lock()
		if s.mu.err == nil {
			s.mu.err = ErrClosed
			close(s.failed)
		}
		s.mu.Unlock()
		s.running.Wait()
		if err := s.free(); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.mu.err = errors.Join(s.mu.err, err)
		}
	})
	if err := s.Err(); err != ErrClosed {
		return err
	}
	return nil
}

// leave says goodbye: after an orderly end when the others have everything, otherwise at once, so that they need not wait to find out.
func (s *Shuffle) leave() {
	if s.endpoint == nil {
		return
	}
	patience := s.cfg.PeerTimeout
	if !s.delivered() {
		patience = min(patience, 200*time.Millisecond)
	}
	s.leaving.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, p := range s.peers {
		if p != nil {
			p.close(ctx)
		}
	}
}

// delivered waits, after an orderly end, until the others have taken everything. false: the end is not orderly.
func (s *Shuffle) delivered() bool {
	if !s.finished() {
		return false
	}
	for {
		moved := s.moved.changed()
		if s.exchange.Idle() {
			return true
		}
		select {
		case <-moved:
		case <-s.failed:
			return false
		}
	}
}

// finished reports an orderly end of all writers and readers of this process.
func (s *Shuffle) finished() bool {
	for _, w := range s.writers {
		if !w.finished() {
			return false
		}
	}
	for _, r := range s.readers {
		if !r.finished() {
			return false
		}
	}
	return !s.hasFailed()
}

// free gives everything back. Nothing moves any more, but for callers who still hold rows.
func (s *Shuffle) free() error {
	var errs []error
	if s.endpoint != nil {
		s.endpoint.Close()
	}
	for _, w := range s.writers {
		w.mu.Lock() // whoever is inside leaves; whoever comes later finds that the shuffle has failed
		defer w.mu.Unlock()
	}
	for _, r := range s.readers {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.orphan()
	}
	if s.exchange != nil {
		errs = append(errs, s.exchange.Close())
	}
	if s.arena != nil {
		if err := s.arena.Close(); !errors.Is(err, ringlog.ErrLeased) {
			errs = append(errs, err) // rows on loan keep their memory until they are acknowledged
		}
	}
	return errors.Join(errs...)
}

// Stats are what a Shuffle has done so far, in this process.
type Stats struct {
	RowsWritten, RowsRead uint64
	Full                  uint64 // times a writer found no room
	BytesOut, BytesIn     uint64 // over links, everything counted
}

// Stats returns the counters.
func (s *Shuffle) Stats() (st Stats) {
	for _, w := range s.writers {
		w.mu.Lock()
		st.RowsWritten += w.mu.rows
		st.Full += w.mu.full
		w.mu.Unlock()
	}
	for _, r := range s.readers {
		st.RowsRead += r.rows.Load()
	}
	for _, p := range s.peers {
		if p != nil {
			p.count(&st)
		}
	}
	return st
}

// interval is how often the driver looks after peers.
func (s *Shuffle) interval() time.Duration {
	return max(min(s.cfg.PeerTimeout/8, s.cfg.Events.StatsEvery, time.Second), time.Millisecond)
}
