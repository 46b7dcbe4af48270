package peers

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/state/snapshot"
)

// Config says whose images they are, and who may keep them.
type Config struct {
	Streams *replica.Node
	Stage   int
	Self    replica.Member
	K       int
	// Active is the active set in the store; members that are not among Living are lost.
	Active replica.Set
	Living []replica.Member
	// PieceBytes is the length of an entry, which the links must be able to carry; more than 2 x EntryOverhead.
	PieceBytes int
	Room       *Room
	// Patience is how long a call waits while no member acknowledges anything.
	Patience time.Duration
	// Wish is called when there is a set to be activated, Fail when this life must end, Warn with what goes on all the same, from any goroutine.
	Wish func()
	Fail func(error)
	Warn func(error)
}

// windowBytes is how much of a unit's images is on its way to a member.
const windowBytes = 1 << 20

// steadyNs is how long a member may acknowledge nothing of what it was sent, before another takes its place.
const steadyNs = 2e9

// Store is the images of a unit. It implements snapshot.Store for one writer at a time: the life of the unit's node that has opened it last.
type Store struct {
	cfg   Config
	guard atomic.Pointer[replica.Guard]
	mu    struct {
		sync.Mutex
		objects map[string]*object // that exist, durable or not
		writing map[string]bool    // by Create
		last    frame.Tick         // the newest number
		useless []useless
		taking  taking
		lost    error // why there is nothing of former lives
		failed  error
		begun   bool // calls wait until what they do is durable
		closed  bool
		changed chan struct{} // closed, and made anew, when any of it has
	}
}

// useless is a number that nobody wants once an entry is durable.
type useless struct {
	tick  frame.Tick
	held  int64 // bytes
	after uint64
}

var _ snapshot.Store = (*Store)(nil)

// Open begins to take over what former lives have left: see Guard().Done, and Wait. The links to the members of the active set exist, or are being made.
func Open(cfg Config) *Store {
	s := &Store{cfg: cfg}
	s.mu.objects, s.mu.writing, s.mu.changed, s.mu.taking = map[string]*object{}, map[string]bool{}, make(chan struct{}), newTaking()
	s.guard.Store(s.newGuard(cfg.Active))
	return s
}

func (s *Store) newGuard(active replica.Set) *replica.Guard {
	cfg := &s.cfg
	return replica.NewGuard(replica.GuardConfig{
		Streams: cfg.Streams, Stream: replica.Stream{Kind: replica.Images, Owner: cfg.Self.Node, ID: uint32(cfg.Stage)}, Self: cfg.Self, K: cfg.K,
		Active: active, Living: cfg.Living, Owned: replica.OwnedConfig{MaxBytes: 1 << 62, WindowBytes: windowBytes}, Take: s.take, Taken: s.taken,
		Changed: s.durable, Wish: cfg.Wish, Fail: s.fail, Warn: cfg.Warn, SlowNs: steadyNs, Steady: true,
	})
}

// Guard is who looks after the stream.
func (s *Store) Guard() *replica.Guard { return s.guard.Load() }

// Bytes is the memory that images take here, those that are being taken over too.
func (s *Store) Bytes() int64 {
	own := s.Guard().Own().Bytes()
	s.mu.Lock()
	defer s.mu.Unlock()
	return own + s.mu.taking.bytes
}

// Wait waits until what former lives have left is there, as long as it comes. The error is not about that, but about those who keep it: they may answer later. If nobody has it any
// more the store is empty.
func (s *Store) Wait() error {
	timer := time.NewTimer(s.cfg.Patience)
	defer timer.Stop()
	for taken := uint64(0); ; {
		select {
		case <-s.Guard().Done():
			return s.begin()
		case <-timer.C:
		}
		s.mu.Lock()
		now, failed := s.mu.taking.entries, s.err()
		s.mu.Unlock()
		if failed != nil {
			return failed
		}
		if now == taken {
			return fmt.Errorf("images of stage %d: the nodes that keep them have given %d entries, and none for %v", s.cfg.Stage, now, s.cfg.Patience)
		}
		taken = now
		timer.Reset(s.cfg.Patience)
	}
}

// begin begins anew if nobody has what was left.
func (s *Store) begin() error {
	err := s.Guard().Err()
	if !errors.Is(err, replica.ErrLost) {
		return err
	}
	s.Guard().Close()
	s.mu.Lock()
	s.mu.lost = err
	s.mu.Unlock()
	s.guard.Store(s.newGuard(replica.Set{Version: s.cfg.Active.Version}))
	return nil
}

// take is GuardConfig.Take.
func (s *Store) take(e replica.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.taking.take(e)
}

// taken is GuardConfig.Taken: what is of no use any more is left behind.
func (s *Store) taken(own *replica.Owned, err error) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.mu.taking
	s.mu.taking = newTaking()
	if err != nil {
		return 0, err
	}
	for _, o := range slices.SortedFunc(maps.Values(t.objects), func(a, b *object) int { return cmp.Compare(a.tick, b.tick) }) {
		for _, e := range o.entries {
			if o.number, err = own.Append(o.tick, e); err != nil {
				return 0, err
			}
			o.held += int64(len(e))
		}
		o.entries = nil
		s.cfg.Room.hold(o.held)
	}
	s.mu.objects, s.mu.last = t.objects, t.last
	return own.Last(), nil
}

// durable is GuardConfig.Changed: it forgets what is of no use any more.
func (s *Store) durable() {
	n := s.Guard().Durable()
	s.mu.Lock()
	defer s.mu.Unlock()
	over := 0
	for ; over < len(s.mu.useless) && s.mu.useless[over].after <= n; over++ {
		s.forget(s.mu.useless[over])
	}
	s.mu.useless = slices.Delete(s.mu.useless, 0, over)
	s.wake()
}

// forget is called with the lock, as the next three are.
func (s *Store) forget(u useless) {
	s.Guard().Own().Forget(u.tick)
	s.cfg.Room.hold(-u.held)
}

func (s *Store) wake() {
	close(s.mu.changed)
	s.mu.changed = make(chan struct{})
}

func (s *Store) next() frame.Tick {
	s.mu.last++
	return s.mu.last
}

// err is why nothing can be done any more.
func (s *Store) err() error {
	if s.mu.failed != nil {
		return s.mu.failed
	}
	if s.mu.closed {
		return fmt.Errorf("%w: this life of the worker ends", snapshot.ErrUnavailable)
	}
	return nil
}

// fail is GuardConfig.Fail.
func (s *Store) fail(err error) {
	if s.cfg.Fail != nil {
		s.cfg.Fail(err)
	}
	if errors.Is(err, replica.ErrFenced) {
		err = fmt.Errorf("%w: %w", snapshot.ErrConflict, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.failed = err
	s.wake()
}

// Begun says that the life has read what it goes on from, and that peers can be linked with: from now on calls wait until what they do is durable.
func (s *Store) Begun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.begun = true
}

// settle waits until an entry is durable; before Begun it does not.
func (s *Store) settle(number uint64) error {
	s.mu.Lock()
	begun, err := s.mu.begun, s.err()
	s.mu.Unlock()
	if !begun {
		return err
	}
	return s.wait(number)
}

// wait waits until an entry is durable, as long as members acknowledge something.
func (s *Store) wait(number uint64) error {
	timer := time.NewTimer(s.cfg.Patience)
	defer timer.Stop()
	for was := s.acknowledged(); ; {
		s.mu.Lock()
		changed, err := s.mu.changed, s.err()
		s.mu.Unlock()
		if s.Guard().Durable() >= number {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
			continue
		case <-timer.C:
		}
		now := s.acknowledged()
		if now == was {
			return s.unavailable()
		}
		was = now
		timer.Reset(s.cfg.Patience)
	}
}

// acknowledged grows with what members have.
func (s *Store) acknowledged() (n uint64) {
	for _, p := range s.Guard().Own().Stats().Peers {
		n += p.Acked
	}
	return n + s.Guard().Durable()
}

func (s *Store) unavailable() error {
	there := 0
	for _, p := range s.Guard().Own().Stats().Peers {
		if p.Linked {
			there++
		}
	}
	return fmt.Errorf("%w: no other worker has acknowledged anything for %v; %d of %d that are to keep images are linked", snapshot.ErrUnavailable, s.cfg.Patience, there, s.cfg.K)
}

// Close makes calls fail, those under way too. What peers keep stays there.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.mu.closed {
		s.mu.closed = true
		s.wake()
	}
	s.mu.Unlock()
	s.Guard().Close()
	return nil
}
