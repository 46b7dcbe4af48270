package journal

import (
	"fmt"
	"slices"
	"sync"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
)

// PeersConfig says whose journal it is, and who may keep it.
type PeersConfig struct {
	Streams *replica.Node
	Stage   int
	Self    replica.Member
	K       int
	// Active is the active set in the store; members that are not among Living are lost.
	Active replica.Set
	Living []replica.Member
	// Changed is called when Durable has grown, Wish when there is a new set to be activated, Fail when this life must end, all from any goroutine.
	Changed, Wish func()
	Fail          func(error)
	Warn          func(error)
	// SlowNs is how long a member may take for a record before another takes its place; 0: 2 s. See Clock.
	SlowNs int64
	// MaxBytes bounds the records that nobody has trimmed yet; 0: 256 MiB. There is no Room beyond seven eighths of it.
	MaxBytes int
}

const (
	peersMaxBytes = 256 << 20
	peersSlowNs   = 2e9
)

// behind is what a member has still to acknowledge.
type behind struct {
	last  uint64 // what was the newest record at sinceNs
	since int64
}

// Peers is the journal of the source tasks of a stage on a node in the memory of K other nodes: the records are entries of a stream of package
// ringlog/replica, whose Keeper has the rules. It starts no goroutine.
type Peers struct {
	cfg  PeersConfig
	own  *replica.Owned
	done chan struct{} // closed when what former lives left is here, or err is set
	mu   struct {
		sync.Mutex
		keeper  *replica.Keeper
		wanted  replica.Set
		trim    frame.Tick
		taken   []Record
		records []Record
		err     error
		ready   bool
		durable uint64
		members map[replica.Member]behind
		full    bool // there is no room, and Warn has been told
	}
}

// OpenPeers begins to take over what former lives have left. The links to the members of the active set exist, or are being made.
func OpenPeers(cfg PeersConfig) *Peers {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = peersMaxBytes
	}
	if cfg.SlowNs == 0 {
		cfg.SlowNs = peersSlowNs
	}
	p := &Peers{cfg: cfg, done: make(chan struct{})}
	p.own = cfg.Streams.Own(p.stream(), replica.OwnedConfig{MaxBytes: cfg.MaxBytes, Changed: p.step})
	p.mu.keeper = replica.NewKeeper(cfg.Self, cfg.K, cfg.Active, cfg.Living)
	p.act(func(k *replica.Keeper) (replica.Action, error) { return k.Begin() })
	return p
}

func (p *Peers) stream() replica.Stream {
	return replica.Stream{Kind: replica.Journal, Owner: p.cfg.Self.Node, ID: uint32(p.cfg.Stage)}
}

// Done is closed when Records can be had.
func (p *Peers) Done() <-chan struct{} { return p.done }

// Records are those that former lives have left, once Done is closed; those of a task in the order of their ticks. They are records of this life already,
// each durable when Durable has reached its Number. The error wraps replica.ErrLost if nobody has them any more.
func (p *Peers) Records() ([]Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.records, p.mu.err
}

// act lets the keeper decide, and does what it wants.
func (p *Peers) act(decide func(*replica.Keeper) (replica.Action, error)) {
	p.mu.Lock()
	a, err := decide(p.mu.keeper)
	if err != nil && p.mu.err == nil {
		p.mu.err = fmt.Errorf("journal of stage %d: %w", p.cfg.Stage, err)
	}
	if a.Peers != nil {
		p.own.SetPeers(a.Peers)
	}
	if a.Propose.Version != 0 {
		p.mu.wanted = a.Propose
	}
	over := p.mu.err != nil || !p.mu.keeper.Taking()
	first := over && !p.mu.ready
	p.mu.ready = over
	failed := p.mu.err
	p.mu.Unlock()

	if first {
		close(p.done)
	} else if err != nil && failed != nil && p.cfg.Fail != nil {
		p.cfg.Fail(failed)
	}
	switch {
	case a.Seal != replica.Member{}:
		p.seal(a.Seal)
	case a.Take != replica.Member{}:
		p.take(a.Take)
	}
	if a.Propose.Version != 0 && p.cfg.Wish != nil {
		p.cfg.Wish()
	}
	if first {
		p.step()
	}
}

func (p *Peers) warn(err error) {
	if p.cfg.Warn != nil {
		p.cfg.Warn(fmt.Errorf("journal of stage %d: %w", p.cfg.Stage, err))
	}
}

// seal has a member refuse former lives.
func (p *Peers) seal(m replica.Member) {
	p.cfg.Streams.Seal(m, p.stream(), p.cfg.Active.Life, func(h wire.Held, err error) {
		if err != nil {
			p.warn(fmt.Errorf("%v: %w", m, err))
		}
		p.act(func(k *replica.Keeper) (replica.Action, error) {
			a, err := k.Sealed(m, h.Promised, err)
			if err == nil && a.Take == m && h.Last == 0 {
				return k.Taken(m, 0, nil) // the life had come as far as to be active, and wrote nothing
			}
			return a, err
		})
	})
}

// take makes the records of a member this life's.
func (p *Peers) take(m replica.Member) {
	p.mu.Lock()
	p.mu.taken = nil
	p.mu.Unlock()
	take := func(e replica.Entry) error {
		r, n, err := parseRecord(e.Bytes, 0)
		if err == nil && n != len(e.Bytes) {
			err = fmt.Errorf("%w: a record of %d bytes in %d", ErrDamaged, n, len(e.Bytes))
		}
		if err != nil {
			return err
		}
		if r.Input != nil {
			r.Input.bytes = slices.Clone(r.Input.bytes)
		}
		p.mu.Lock()
		p.mu.taken = append(p.mu.taken, r)
		p.mu.Unlock()
		return nil
	}
	p.cfg.Streams.Fetch(m, p.stream(), p.cfg.Active.Life, 0, 0, take, func(err error) {
		if err != nil {
			p.warn(fmt.Errorf("%v: %w", m, err))
		}
		p.act(func(k *replica.Keeper) (replica.Action, error) { return p.taken(k, m, err) })
	})
}

// taken appends what was taken. Called with the lock.
func (p *Peers) taken(k *replica.Keeper, m replica.Member, err error) (replica.Action, error) {
	records := p.mu.taken
	p.mu.taken = nil
	for i := range records {
		if err != nil {
			break
		}
		records[i].Number, err = p.append(&records[i])
	}
	if err == nil {
		p.mu.records = records
	}
	return k.Taken(m, uint64(len(records)), err)
}

func (p *Peers) append(r *Record) (uint64, error) {
	return p.own.Append(r.Last, appendRecord(nil, 0, r))
}

// Append adds a record behind all others and returns its number. It does not wait. The error wraps replica.ErrFull when too much was never trimmed.
func (p *Peers) Append(r Record) (uint64, error) {
	if err := r.valid(); err != nil {
		return 0, err
	}
	number, err := p.append(&r)
	p.measure()
	return number, err
}

// Room says whether rows should be added: not while much of what is kept was never trimmed. Trim makes room.
func (p *Peers) Room() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.mu.full
}

// measure looks whether there is room.
func (p *Peers) measure() {
	kept := int(p.own.Stats().Bytes)
	full := kept >= p.cfg.MaxBytes-p.cfg.MaxBytes/8
	p.mu.Lock()
	began := full && !p.mu.full
	p.mu.full = full
	p.mu.Unlock()
	if began {
		p.warn(fmt.Errorf("%d bytes are kept until images let them be trimmed, want at most %d: the source waits", kept, p.cfg.MaxBytes))
	}
}

// Durable is the number up to which all members of the active set have the records.
func (p *Peers) Durable() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.durable
}

// Trim says that nobody will ask for records of ticks up to t any more.
func (p *Peers) Trim(t frame.Tick) {
	p.mu.Lock()
	p.mu.trim = max(p.mu.trim, t)
	p.mu.Unlock()
	p.drop()
	p.measure()
}

// drop tells peers what nobody wants: of former lives nothing, once a set of this one is active.
func (p *Peers) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	below := frame.Incarnation(0)
	if p.mu.keeper.Active().Life == p.cfg.Self.Life {
		below = p.cfg.Self.Life
	}
	p.own.Trim(p.mu.trim, below)
}

// Living says which peers are linked now.
func (p *Peers) Living(peers []replica.Member) {
	p.act(func(k *replica.Keeper) (replica.Action, error) {
		k.Living(peers)
		return k.Step(p.own.Copied), nil
	})
}

// Wanted is the set that is to be activated; false: none, or it is.
func (p *Peers) Wanted() (replica.Set, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.wanted, p.mu.wanted.Version > p.mu.keeper.Active().Version && p.mu.err == nil
}

// Activated says what the active set is.
func (p *Peers) Activated(s replica.Set) {
	p.act(func(k *replica.Keeper) (replica.Action, error) { return k.Activated(s) })
	p.drop()
	p.step()
}

// step looks at what peers have.
func (p *Peers) step() {
	if n := p.own.Fenced(); n > 0 {
		p.act(func(*replica.Keeper) (replica.Action, error) {
			return replica.Action{}, fmt.Errorf("%w: a peer promised life %d, this is %d", replica.ErrFenced, n, p.cfg.Self.Life)
		})
		return
	}
	grown := false
	p.act(func(k *replica.Keeper) (replica.Action, error) {
		a := k.Step(p.own.Copied)
		if n := k.Durable(); n > p.mu.durable {
			p.mu.durable, grown = n, true
		}
		return a, nil
	})
	if grown && p.cfg.Changed != nil {
		p.cfg.Changed()
	}
}

// Clock is called now and then with the time: a member that is linked and has not acknowledged for SlowNs what there was then is replaced (PROTOCOL F12), if there is another
// peer that was not slow.
func (p *Peers) Clock(nowNs int64) {
	last, slow := p.own.Last(), []replica.Member(nil)
	p.mu.Lock()
	members := map[replica.Member]behind{}
	active := p.mu.keeper.Active()
	if active.Life != p.cfg.Self.Life { // they have not been asked yet
		active.Members = nil
	}
	for _, m := range active.Members {
		b, known := p.mu.members[m]
		if n, _ := p.own.Copied(m); !known || n >= b.last {
			b = behind{last, nowNs}
		} else if nowNs-b.since > p.cfg.SlowNs {
			slow = append(slow, m)
			b = behind{last, nowNs}
		}
		members[m] = b
	}
	p.mu.members = members
	p.mu.Unlock()
	for _, m := range slow {
		p.warn(fmt.Errorf("%v has not acknowledged for %v ms what it was sent: another is to take its place, if there is one", m, p.cfg.SlowNs/1e6))
		p.act(func(k *replica.Keeper) (replica.Action, error) {
			k.Slow(m)
			return k.Step(p.own.Copied), nil
		})
	}
}

// Active is the set that keeps the journal, as far as is known; Version 0: none yet.
func (p *Peers) Active() replica.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.keeper.Active()
}

// Stats may be called from any goroutine.
func (p *Peers) Stats() Stats {
	entries, first, last := p.own.Kept()
	return Stats{Bytes: uint64(p.own.Stats().Bytes), Records: uint64(entries), First: first, Last: last}
}

// Close ends this life's part; what peers keep stays.
func (p *Peers) Close() error {
	p.own.Close()
	return nil
}
