package replica

import (
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// GuardConfig says whose stream it is, and who may keep it.
type GuardConfig struct {
	Streams *Node
	Stream  Stream // no Log
	Self    Member
	K       int
	// Active is the active set in the store; members that are not among Living are lost.
	Active Set
	Living []Member
	Owned  OwnedConfig
	// Take is given the entries that former lives left, in order; their bytes are borrowed. Taken is told why there are no more, nil: that was all; it appends to the stream what is to
	// go on, and returns the number of the last entry. If a member fails both are called for the next one, from the beginning. Neither may call the Guard.
	Take  func(Entry) error
	Taken func(own *Owned, err error) (entries uint64, _ error)
	// Changed is called when Durable has grown, Wish when there is a new set to be activated, Fail when this life must end, all from any goroutine.
	Changed, Wish func()
	Fail          func(error)
	Warn          func(error)
	// SlowNs is how long a member that is linked may take for what it was sent before another takes its place: see Clock. With Steady, for
	// any of it.
	SlowNs int64
	Steady bool
}

// Guard is a stream of this life which a Keeper looks after: it takes over what former lives left, and follows who keeps copies. It starts no goroutine.
type Guard struct {
	cfg  GuardConfig
	own  *Owned
	done chan struct{} // closed when what former lives left is here, or err is set
	mu   struct {
		sync.Mutex
		keeper  *Keeper
		wanted  Set
		trim    frame.Tick
		err     error
		ready   bool
		durable uint64
		members map[Member]behind
	}
}

// behind is what a member has still to acknowledge.
type behind struct {
	until   uint64 // the entry that was waited for at sinceNs
	sinceNs int64
}

// NewGuard begins to take over what former lives have left. The links to the members of the active set exist, or are being made.
func NewGuard(cfg GuardConfig) *Guard {
	g := &Guard{cfg: cfg, done: make(chan struct{})}
	cfg.Owned.Changed = g.step
	g.own = cfg.Streams.Own(cfg.Stream, cfg.Owned)
	g.mu.keeper = NewKeeper(cfg.Self, cfg.K, cfg.Active, cfg.Living)
	g.act(func(k *Keeper) (Action, error) { return k.Begin() })
	return g
}

// Own is the stream. Trim belongs to the Guard.
func (g *Guard) Own() *Owned { return g.own }

// Done is closed when what former lives left is there, or Err says why not.
func (g *Guard) Done() <-chan struct{} { return g.done }

// Err is why this life must end, or has nothing of former ones: it wraps ErrLost if nobody has that any more, ErrFenced if another life has taken over.
func (g *Guard) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.err
}

// act lets the keeper decide, and does what it wants.
func (g *Guard) act(decide func(*Keeper) (Action, error)) {
	g.mu.Lock()
	a, err := decide(g.mu.keeper)
	if err != nil && g.mu.err == nil {
		g.mu.err = fmt.Errorf("%v: %w", g.cfg.Stream, err)
	}
	if a.Peers != nil {
		g.own.SetPeers(a.Peers)
	}
	if a.Propose.Version != 0 {
		g.mu.wanted = a.Propose
	}
	over := g.mu.err != nil || !g.mu.keeper.Taking()
	first := over && !g.mu.ready
	g.mu.ready = over
	failed := g.mu.err
	g.mu.Unlock()

	if first {
		close(g.done)
	} else if err != nil && failed != nil && g.cfg.Fail != nil {
		g.cfg.Fail(failed)
	}
	switch {
	case a.Seal != Member{}:
		g.seal(a.Seal)
	case a.Take != Member{}:
		g.take(a.Take)
	}
	if a.Propose.Version != 0 && g.cfg.Wish != nil {
		g.cfg.Wish()
	}
	if first {
		g.step()
	}
}

func (g *Guard) warn(err error) {
	if g.cfg.Warn != nil {
		g.cfg.Warn(fmt.Errorf("%v: %w", g.cfg.Stream, err))
	}
}

// seal has a member refuse former lives.
func (g *Guard) seal(m Member) {
	g.cfg.Streams.Seal(m, g.own.Stream(), g.cfg.Active.Life, func(h wire.Held, err error) {
		if err != nil {
			g.warn(fmt.Errorf("%v: %w", m, err))
		}
		g.act(func(k *Keeper) (Action, error) {
			a, err := k.Sealed(m, h.Promised, err)
			if err == nil && a.Take == m && h.Last == 0 {
				return k.Taken(m, 0, nil) // the life had come as far as to be active, and wrote nothing
			}
			return a, err
		})
	})
}

// take makes the entries of a member this life's.
func (g *Guard) take(m Member) {
	g.cfg.Streams.Fetch(m, g.own.Stream(), g.cfg.Active.Life, 0, 0, g.cfg.Take, func(err error) {
		if err != nil {
			g.warn(fmt.Errorf("%v: %w", m, err))
		}
		g.act(func(k *Keeper) (Action, error) {
			n, err := g.cfg.Taken(g.own, err)
			return k.Taken(m, n, err)
		})
	})
}

// Durable is the number up to which all members of the active set have the entries of this life.
func (g *Guard) Durable() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.durable
}

// Trim says that nobody will ask for entries of ticks up to t any more. Of former lives nothing is wanted once a set of this one is active.
func (g *Guard) Trim(t frame.Tick) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mu.trim = max(g.mu.trim, t)
	below := frame.Incarnation(0)
	if g.mu.keeper.Active().Life == g.cfg.Self.Life {
		below = g.cfg.Self.Life
	}
	g.own.Trim(g.mu.trim, below)
}

// Living says which peers are linked now.
func (g *Guard) Living(peers []Member) {
	g.act(func(k *Keeper) (Action, error) {
		k.Living(peers)
		return k.Step(g.own.Copied), nil
	})
}

// Wanted is the set that is to be activated; false: none, or it is.
func (g *Guard) Wanted() (Set, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.wanted, g.mu.wanted.Version > g.mu.keeper.Active().Version && g.mu.err == nil
}

// Activated says what the active set is.
func (g *Guard) Activated(s Set) {
	g.act(func(k *Keeper) (Action, error) { return k.Activated(s) })
	g.Trim(0)
	g.step()
}

// Active is the set that keeps the stream, as far as is known; Version 0: none yet.
func (g *Guard) Active() Set {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mu.keeper.Active()
}

// step looks at what peers have.
func (g *Guard) step() {
	if n := g.own.Fenced(); n > 0 {
		g.act(func(*Keeper) (Action, error) {
			return Action{}, fmt.Errorf("%w: a peer promised life %d, this is %d", ErrFenced, n, g.cfg.Self.Life)
		})
		return
	}
	grown := false
	g.act(func(k *Keeper) (Action, error) {
		a := k.Step(g.own.Copied)
		if n := k.Durable(); n > g.mu.durable {
			g.mu.durable, grown = n, true
		}
		return a, nil
	})
	if grown && g.cfg.Changed != nil {
		g.cfg.Changed()
	}
}

// Clock is called now and then with the time: a member that is linked and has not acknowledged for SlowNs what there was then, with Steady anything of it, is replaced
// (PROTOCOL F12), if there is another peer that was not slow.
func (g *Guard) Clock(nowNs int64) {
	for _, m := range g.late(nowNs) {
		g.warn(fmt.Errorf("%v has not acknowledged for %v ms what it was sent: another is to take its place, if there is one", m, g.cfg.SlowNs/1e6))
		g.act(func(k *Keeper) (Action, error) {
			k.Slow(m)
			return k.Step(g.own.Copied), nil
		})
	}
}

func (g *Guard) late(nowNs int64) (slow []Member) {
	last := g.own.Last()
	g.mu.Lock()
	defer g.mu.Unlock()
	members := map[Member]behind{}
	active := g.mu.keeper.Active()
	if active.Life != g.cfg.Self.Life { // they have not been asked yet
		active.Members = nil
	}
	for _, m := range active.Members {
		b, known := g.mu.members[m]
		n, _ := g.own.Copied(m)
		fresh := behind{last, nowNs}
		if g.cfg.Steady {
			fresh.until = min(last, n+1)
		}
		if !known || n >= b.until {
			b = fresh
		} else if nowNs-b.sinceNs > g.cfg.SlowNs {
			slow, b = append(slow, m), fresh
		}
		members[m] = b
	}
	g.mu.members = members
	return slow
}

// Close ends this life's part; what peers keep stays.
func (g *Guard) Close() { g.own.Close() }
