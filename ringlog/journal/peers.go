package journal

import (
	"fmt"
	"slices"
	"sync"

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

// Peers is the journal of the source tasks of a stage on a node in the memory of K other nodes: the records are entries of a stream of package
// ringlog/replica, whose Guard takes it over and follows who keeps it. It starts no goroutine.
type Peers struct {
	*replica.Guard
	cfg PeersConfig
	mu  struct {
		sync.Mutex
		taken   []Record
		records []Record
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
	p := &Peers{cfg: cfg}
	p.Guard = replica.NewGuard(replica.GuardConfig{
		Streams: cfg.Streams, Stream: replica.Stream{Kind: replica.Journal, Owner: cfg.Self.Node, ID: uint32(cfg.Stage)}, Self: cfg.Self, K: cfg.K,
		Active: cfg.Active, Living: cfg.Living, Owned: replica.OwnedConfig{MaxBytes: cfg.MaxBytes}, Take: p.take, Taken: p.taken,
		Changed: cfg.Changed, Wish: cfg.Wish, Fail: cfg.Fail, Warn: cfg.Warn, SlowNs: cfg.SlowNs,
	})
	return p
}

// Records are those that former lives have left, once Done is closed; those of a task in the order of their ticks. They are records of this life already,
// each durable when Durable has reached its Number. The error wraps replica.ErrLost if nobody has them any more.
func (p *Peers) Records() ([]Record, error) {
	err := p.Err()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.records, err
}

func (p *Peers) warn(err error) {
	if p.cfg.Warn != nil {
		p.cfg.Warn(fmt.Errorf("journal of stage %d: %w", p.cfg.Stage, err))
	}
}

// take notes a record of a former life.
func (p *Peers) take(e replica.Entry) error {
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
	defer p.mu.Unlock()
	p.mu.taken = append(p.mu.taken, r)
	return nil
}

// taken makes what was taken this life's records.
func (p *Peers) taken(own *replica.Owned, err error) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	records := p.mu.taken
	p.mu.taken = nil
	for i := range records {
		if err != nil {
			break
		}
		records[i].Number, err = appendTo(own, &records[i])
	}
	if err == nil {
		p.mu.records = records
	}
	return uint64(len(records)), err
}

func appendTo(own *replica.Owned, r *Record) (uint64, error) {
	return own.Append(r.Last, appendRecord(nil, 0, r))
}

// Append adds a record behind all others and returns its number. It does not wait. The error wraps replica.ErrFull when too much was never trimmed.
func (p *Peers) Append(r Record) (uint64, error) {
	if err := r.valid(); err != nil {
		return 0, err
	}
	number, err := appendTo(p.Own(), &r)
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
	p.mu.Lock()
	kept := int(p.Own().Bytes())
	full := kept >= p.cfg.MaxBytes-p.cfg.MaxBytes/8
	began := full && !p.mu.full
	p.mu.full = full
	p.mu.Unlock()
	if began {
		p.warn(fmt.Errorf("%d bytes are kept until images let them be trimmed, want at most %d: the source waits", kept, p.cfg.MaxBytes))
	}
}

// Trim says that nobody will ask for records of ticks up to t any more.
func (p *Peers) Trim(t frame.Tick) {
	p.Guard.Trim(t)
	p.measure()
}

// Stats may be called from any goroutine.
func (p *Peers) Stats() Stats {
	entries, first, last := p.Own().Kept()
	return Stats{Bytes: uint64(p.Own().Bytes()), Records: uint64(entries), Full: !p.Room(), First: first, Last: last}
}

// Close ends this life's part; what peers keep stays.
func (p *Peers) Close() error {
	p.Guard.Close()
	return nil
}
