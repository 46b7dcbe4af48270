package persist

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state/snapshot"
)

// Config says what is persisted, and where.
type Config struct {
	Store       snapshot.Store
	Job         uint64
	Cluster     shuffle.Cluster
	Self        frame.NodeID
	Incarnation frame.Incarnation
	Edges       []shuffle.Edge              // by id; those whose policy is Persist are persisted
	Name        func(e frame.EdgeID) string // of both stages
	// After is the tick that this node's source tasks of an edge have behind them.
	After func(e frame.EdgeID) frame.Tick
	// ObjectBytes is about how large objects become, Age how long whole ticks wait for more. 0 means 8 MiB, and 1 s.
	ObjectBytes int64
	Age         time.Duration
	// Warn, if set, is told when a store begins to fail, and when it does no more, and of gaps. It must not block.
	Warn func(error)
}

// Defaults of Config.
const (
	objectBytesDefault = 8 << 20
	ageDefault         = time.Second
)

// Pauses between two tries of a store that fails, as parts and multiples of Config.Age.
const (
	pauseFirstPart = 10
	pauseMostTimes = 5
)

// EndPatience is how long the end of a job waits for a store that fails. Before that nothing ends for its sake: logs keep what is to be persisted.
const EndPatience = 5 * time.Minute

// ErrStoreGone means that all is sent, and that the store has not taken it for EndPatience. Nothing is lost: a run that goes on sends it again.
var ErrStoreGone = errors.New("what edges carried cannot be persisted")

// Logs is where frames are until they are persisted: a shuffle.Exchange.
type Logs interface {
	Lend(w shuffle.Written) (ringlog.Lease, error)
	Persisted(e frame.EdgeID, t frame.Tick)
}

// Persister writes what the source tasks of a node send on edges whose policy is Persist.
type Persister struct {
	cfg     Config
	logs    Logs
	streams []*stream
	byEdge  []*stream // nil where nothing is persisted
	next    int       // stream to look at first
	retryNs int64     // when a store that failed is tried again; 0: it has not
	pause   time.Duration
	now     func() time.Time
	endNs   int64 // since when a store that fails is all that the end of the job waits for; 0: it is not
	ageNs   int64 // when some ticks are old enough to be written; 0: none wait
	inbox   struct {
		sync.Mutex
		frames []shuffle.Written
	}
	spare []shuffle.Written
	stats struct {
		sync.Mutex
		failing error
		streams []Stat
	}
}

var _ shuffle.Persister = (*Persister)(nil)

// New prepares it. It asks the store nothing: Step does.
func New(cfg Config) *Persister {
	if cfg.ObjectBytes == 0 {
		cfg.ObjectBytes = objectBytesDefault
	}
	if cfg.Age == 0 {
		cfg.Age = ageDefault
	}
	p := &Persister{cfg: cfg, byEdge: make([]*stream, len(cfg.Edges))}
	for i := range cfg.Edges {
		e := &cfg.Edges[i]
		if e.Policy.Keep != shuffle.Persist || cfg.Cluster.OnNode(e.Source, cfg.Self).Count == 0 {
			continue
		}
		p.byEdge[i] = newStream(p, e)
		p.streams = append(p.streams, p.byEdge[i])
		p.stats.streams = append(p.stats.streams, Stat{Edge: e.ID})
	}
	return p
}

// Any reports whether anything is persisted here.
func (p *Persister) Any() bool { return len(p.streams) > 0 }

// Attach says where the frames are. It comes before Step; Wrote may come before it.
func (p *Persister) Attach(logs Logs) { p.logs = logs }

// Date says how the time is told that objects are of, for policies that keep them for some time: without it they have none, and stay. It comes before Step.
func (p *Persister) Date(now func() time.Time) { p.now = now }

// Wrote implements shuffle.Persister.
func (p *Persister) Wrote(w shuffle.Written) {
	p.inbox.Lock()
	p.inbox.frames = append(p.inbox.frames, w)
	p.inbox.Unlock()
}

// Step takes in what was written, and does at most one thing with the store, which may take long. It reports whether to call it again at once; if not, Deadline
// says when, and Wrote is another reason. Errors end the node: what was computed again is not what it was (shuffle.ErrTripwire), what is in the store
// is damaged, a log cannot be read, or everything is sent and the store fails for EndPatience (ErrStoreGone); Step is not called again then. That the store fails is
// none before.
func (p *Persister) Step(nowNs int64) (worked bool, err error) {
	if err := p.take(); err != nil {
		return false, err
	}
	defer p.count()
	p.ageNs = 0
	if p.retryNs != 0 && nowNs < p.retryNs {
		return false, nil
	}
	for range p.streams {
		s := p.streams[p.next]
		p.next = (p.next + 1) % len(p.streams)
		worked, err = s.step(nowNs)
		if err != nil {
			return false, p.judge(err, nowNs)
		}
		if worked {
			p.recovered()
			return true, nil
		}
	}
	for _, s := range p.streams {
		if s.forget(nowNs) {
			return true, nil
		}
	}
	return false, nil
}

// seconds is the time that an object is of.
func (p *Persister) seconds() uint32 {
	if p.now == nil {
		return 0
	}
	return uint32(p.now().Unix())
}

// take sorts what was written by edge.
func (p *Persister) take() error {
	p.inbox.Lock()
	frames := p.inbox.frames
	p.inbox.frames = p.spare[:0]
	p.inbox.Unlock()
	p.spare = frames
	for _, w := range frames {
		if s := p.byEdge[w.Edge]; s != nil {
			if err := s.take(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownError is an error that no store can mend.
type ownError struct{ error }

func (e ownError) Unwrap() error { return e.error }

// judge tells errors that end the node from those of a store, which is tried again after a pause.
func (p *Persister) judge(err error, nowNs int64) error {
	var own ownError
	if errors.As(err, &own) || errors.Is(err, snapshot.ErrDamaged) {
		return err
	}
	if p.retryNs == 0 {
		p.pause = p.cfg.Age / pauseFirstPart
		p.warn(fmt.Errorf("streams cannot be persisted; logs keep what is to be, and it is tried again: %w", err))
	} else {
		p.pause = min(2*p.pause, pauseMostTimes*p.cfg.Age)
	}
	p.retryNs = nowNs + int64(p.pause)
	p.stats.Lock()
	p.stats.failing = err
	p.stats.Unlock()
	return p.overdue(err, nowNs)
}

// overdue is the end of patience with a store that nothing but the end of the job waits for.
func (p *Persister) overdue(err error, nowNs int64) error {
	last := frame.MaxTick
	for _, s := range p.streams {
		s.close()
		if s.whole < frame.MaxTick {
			return nil
		}
		last = min(last, s.stat().Through)
	}
	if p.endNs == 0 {
		p.endNs = nowNs
		p.warn(fmt.Errorf("everything is sent, and the job waits up to %v for it to be persisted: %w", EndPatience, err))
	}
	if nowNs-p.endNs < int64(EndPatience) {
		return nil
	}
	return fmt.Errorf("%w: everything is sent, but persisted only up to tick %d, since the store has failed for %v; when it is back, repeat the command, which goes on from the data directory: %w",
		ErrStoreGone, last, EndPatience, err)
}

func (p *Persister) recovered() {
	if p.retryNs == 0 {
		return
	}
	p.retryNs, p.endNs = 0, 0
	p.stats.Lock()
	p.stats.failing = nil
	p.stats.Unlock()
	p.warn(errors.New("streams are persisted again"))
}

func (p *Persister) warn(err error) {
	if p.cfg.Warn != nil {
		p.cfg.Warn(err)
	}
}

// Deadline is when Step may have something to do though nothing was written, in the time of Step; 0: never.
func (p *Persister) Deadline() int64 {
	if p.retryNs != 0 {
		return p.retryNs
	}
	return p.ageNs
}

// wait notes when something is old enough.
func (p *Persister) wait(untilNs int64) {
	if p.ageNs == 0 || untilNs < p.ageNs {
		p.ageNs = untilNs
	}
}

// Stat is how far a stream is.
type Stat struct {
	Edge    frame.EdgeID
	Through frame.Tick // persisted up to it
	Whole   frame.Tick // closed up to it
	Bytes   uint64     // of frames that wait to be persisted
	Frames  uint64
	Objects uint64 // written by this life, of
	Written uint64 // bytes
}

// count makes what Stats tells.
func (p *Persister) count() {
	p.stats.Lock()
	defer p.stats.Unlock()
	for i, s := range p.streams {
		p.stats.streams[i] = s.stat()
	}
}

// Stats appends how far the streams are, and returns why the store fails, nil if it does not. It may be called from any goroutine.
func (p *Persister) Stats(all []Stat) ([]Stat, error) {
	p.stats.Lock()
	defer p.stats.Unlock()
	return append(all, p.stats.streams...), p.stats.failing
}
