package shuffle

import (
	"errors"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// preload writes copied frames into the log of a core. Nobody hears of them before all are written.
type preload struct {
	o     *outEdge
	node  frame.NodeID
	wait  func() bool
	refs  []loaded
	held  *held
	bytes uint64
}

// loaded is a frame in the log; after is, of a CLOSE, the tick whose rows it follows.
type loaded struct {
	h     frame.Header
	pos   frame.Pos
	after frame.Tick
}

// write puts the ticks above after, up to through, into the log. done is false when there is no room.
func (l *preload) write(c *copied, after, through frame.Tick) (done bool, err error) {
	if l.held == nil {
		l.held = newHeld(l.o, after)
	}
	for i := range c.frames {
		f := &c.frames[i]
		if f.h.Type == frame.Close {
			done, err = l.close(f, after, through)
		} else if done = true; f.h.Tick > after && f.h.Tick <= through {
			done, err = l.data(f)
		}
		if !done || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (l *preload) data(f *copiedFrame) (done bool, err error) {
	err = l.o.eachRun(l.node, f, func(c channelID, rows *batch.Batch, from, count int, first uint64) {
		l.held.add(f.h.Tick, c, batch.RowSums(rows, nil, from, from+count, first, !l.o.e.Unordered))
	})
	if err != nil {
		return false, err
	}
	b, err := l.claim(len(f.b))
	if b == nil {
		return false, err
	}
	copy(b[frame.HeaderLen:], f.b[frame.HeaderLen:])
	l.commit(f.h, f.h.Tick)
	return true, nil
}

// close writes what a CLOSE says of the ticks above after, up to through.
func (l *preload) close(f *copiedFrame, after, through frame.Tick) (done bool, err error) {
	entries := f.entries[:0:0]
	h := f.h
	h.Tick = 0
	for _, e := range f.entries {
		if e.LastTick <= after || e.FirstTick > through {
			continue
		}
		e.FirstTick = max(e.FirstTick, after+1)
		if e.LastTick > through { // the CTI changes with the last tick alone
			e.LastTick, e.CTI = through, frame.SameCTI
		}
		h.Tick = max(h.Tick, e.LastTick)
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return true, nil
	}
	b, err := l.claim(frame.HeaderLen + len(entries)*frame.CloseEntryLen)
	if b == nil {
		return false, err
	}
	for i, e := range entries {
		frame.PutCloseEntry(b[frame.HeaderLen+i*frame.CloseEntryLen:], e)
	}
	l.commit(h, entries[0].FirstTick)
	return true, nil
}

// claim makes room; nil without an error means that there is none.
func (l *preload) claim(n int) ([]byte, error) {
	for {
		b, _, err := l.o.port.log.Claim(n)
		if !errors.Is(err, ringlog.ErrNoSegment) {
			return b, err
		}
		if !l.wait() {
			return nil, nil
		}
	}
}

func (l *preload) commit(h frame.Header, after frame.Tick) {
	pos := l.o.port.log.Commit(h)
	h.Incarnation = l.o.port.x.cfg.Incarnation
	l.refs = append(l.refs, loaded{h, pos, after})
	l.bytes += uint64(h.Len)
}

// publish hands the frames to the link, and has the tasks compute what they hold without writing it.
func (l *preload) publish(after, through frame.Tick) {
	if through == after {
		return
	}
	o := l.o
	for i := range l.refs {
		r := &l.refs[i]
		o.port.x.peers[l.node].push(o.port.core, &r.h, r.pos, r.after)
	}
	if o.held == nil {
		o.held = newHeld(o, after)
	}
	o.held.through[l.node] = through
	o.held.last = max(o.held.last, through)
	for t, sums := range l.held.sums {
		for c, sum := range sums {
			o.held.add(t, c, sum)
		}
	}
}
