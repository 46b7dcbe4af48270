package copies

import (
	"errors"
	"slices"
	"sync"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle"
)

// formerLives is how many lives back a new one asks for: one that was lost before it had done all its former life had done leaves some of
// that behind.
const formerLives = 4

// Fetched is what peers hold of a node's former lives, as it comes in.
type Fetched struct {
	c     *Copies
	max   int64
	done  chan struct{}
	mu    sync.Mutex
	open  int // answers that are not complete
	parts map[shuffle.CopyID][]*part
	bytes int64
	taken bool
}

// part is what one peer holds of one life.
type part struct {
	of     replica.Member
	frames [][]byte
	last   frame.Tick // greatest
	full   bool       // the rest is left out
	ended  bool       // there is no more
	over   bool       // nothing more comes
	err    error
}

// Stats says what was had from peers.
type Stats struct {
	Fetched uint64 // bytes
	Held    uint64 // bytes that are served
	Frames  int
	Ticks   uint64 // that need not be waited for, of all streams together
	// Reasons why there is no more, of at most one stream.
	Reason error
}

// Fetch asks those peers that SetPeer has told of for what they hold of this node's former lives, of ticks above what its tasks have behind
// them (by edge), maxBytes at most.
func (c *Copies) Fetch(above func(frame.EdgeID) frame.Tick, maxBytes int64) *Fetched {
	f := &Fetched{c: c, max: maxBytes, done: make(chan struct{}), parts: map[shuffle.CopyID][]*part{}, open: 1}
	for _, s := range c.order {
		c.mu.Lock()
		members := c.members(s)
		c.mu.Unlock()
		for _, m := range members {
			for life := c.cfg.Self.Life - 1; life > 0 && life+formerLives >= c.cfg.Self.Life; life-- {
				f.ask(s, m, life, above(s.id.Edge))
			}
		}
	}
	f.answered()
	return f
}

func (f *Fetched) ask(s *stream, m replica.Member, life frame.Incarnation, above frame.Tick) {
	p := &part{of: m}
	f.mu.Lock()
	f.open++
	f.parts[s.id] = append(f.parts[s.id], p)
	f.mu.Unlock()
	f.c.cfg.Streams.Fetch(m, streamOf(s.id, f.c.cfg.Self.Node), life, 0, above, func(e replica.Entry) error {
		f.take(p, e)
		return nil
	}, func(err error) {
		f.mu.Lock()
		if p.ended = err == nil || errors.Is(err, replica.ErrMissing); !p.ended { // missing: it has nothing, or not all
			p.err = err
		}
		p.over = true
		f.mu.Unlock()
		f.answered()
	})
}

func (f *Fetched) take(p *part, e replica.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.last = max(p.last, e.Tick)
	if p.full = p.full || f.taken || f.bytes+int64(len(e.Bytes)) > f.max; p.full {
		return
	}
	f.bytes += int64(len(e.Bytes))
	p.frames = append(p.frames, slices.Clone(e.Bytes))
}

func (f *Fetched) answered() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open--; f.open == 0 {
		close(f.done)
	}
}

// Done is closed once all peers have answered, or are gone.
func (f *Fetched) Done() <-chan struct{} { return f.done }

// Waits reports whether one of the peers, those that are linked, has not answered yet. The others may be gone.
func (f *Fetched) Waits(linked []replica.Member) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, parts := range f.parts {
		for _, p := range parts {
			if !p.over && slices.Contains(linked, p.of) {
				return true
			}
		}
	}
	return false
}

// Preload puts what has come into the logs of an exchange whose cores have not been stepped. wait is called when a core's log has no room, and
// reports whether to try again. What comes later is not used. The error is one of a log.
func (f *Fetched) Preload(x *shuffle.Exchange, wait func(core frame.CoreID) bool) (st Stats, err error) {
	f.mu.Lock()
	f.taken = true
	st.Fetched = uint64(f.bytes)
	f.mu.Unlock()
	for _, s := range f.c.order {
		p, err := x.Preload(s.id, f.copied(s, &st), func() bool { return wait(s.id.Core) })
		if err != nil {
			return st, err
		}
		st.Held += p.Bytes
		st.Frames += p.Frames
		if p.Through < frame.MaxTick {
			st.Ticks += uint64(p.Through - p.After)
		}
		if p.Reason != nil {
			st.Reason = p.Reason
		}
	}
	return st, nil
}

// copied is what has come of a stream. If that is all there is, its former lives can be dropped once nobody asks for it any more.
func (f *Fetched) copied(s *stream, st *Stats) (all []shuffle.Copied) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last, ended := frame.Tick(0), true
	for _, p := range f.parts[s.id] {
		all = append(all, shuffle.Copied{CopyID: s.id, Frames: p.frames})
		last, ended = max(last, p.last), ended && p.ended
		if p.err != nil {
			st.Reason = p.err
		}
	}
	if ended {
		s.former.Store(uint64(last))
	}
	return all
}
