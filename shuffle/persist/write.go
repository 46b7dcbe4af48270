package persist

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state/snapshot"
)

// writeBytes is the buffer in front of a store.
const writeBytes = 128 << 10

// write creates the object that continues the stream. If it exists already, what is in it counts: an earlier try may have been done, or another life was
// faster. The error is that of the store, or an ownError.
func (s *stream) write(pl plan) error {
	var size uint64
	err := s.p.cfg.Store.Create(objectName(s.chain.folder, pl.first), func(out io.Writer) (err error) {
		w := &writer{s: s, out: bufio.NewWriterSize(out, writeBytes)}
		err = w.object(&pl)
		size = w.at
		return err
	})
	if errors.Is(err, snapshot.ErrExists) {
		return s.chain.adopt(pl.first)
	}
	if err != nil {
		return err
	}
	s.wrote.objects++
	s.wrote.bytes += size
	s.chain.add(pl.first, pl.last)
	return nil
}

// writer writes an object.
type writer struct {
	s     *stream
	out   *bufio.Writer
	at    uint64
	err   error
	entry entry // of the tick being written, frames 0 before the first
	sum   xxhash.Digest
	index []byte
	foot  footer
	ents  []frame.CloseEntry
	buf   []byte
}

func (w *writer) put(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
	}
	w.at += uint64(len(b))
}

// object writes all of it.
func (w *writer) object(pl *plan) error {
	cfg := &w.s.p.cfg
	about, err := w.s.chain.about.encode()
	if err != nil {
		return ownError{err}
	}
	h := header{gap: pl.gap, forgets: w.s.e.Policy.For > 0, written: w.s.p.seconds(), job: cfg.Job, edge: w.s.e.ID, node: cfg.Self, first: pl.first, last: pl.last, incarnation: cfg.Incarnation, about: uint32(len(about))}
	w.put(h.encode())
	w.put(about)
	w.foot.aboutSum = xxhash.Sum64(about)
	for i := range pl.frames {
		if err := w.frame(pl, &pl.frames[i]); err != nil {
			return ownError{fmt.Errorf("persisting edge %d: %w", w.s.e.ID, err)}
		}
		if w.err != nil {
			return w.err
		}
	}
	w.endTick()
	w.foot.index, w.foot.entries, w.foot.indexSum = w.at, uint64(len(w.index)/entryLen), xxhash.Sum64(w.index)
	w.foot.size = w.at + uint64(len(w.index)) + footerLen
	w.put(w.index)
	w.put(w.foot.encode())
	if w.err != nil {
		return w.err
	}
	return w.out.Flush()
}

// frame writes a frame of a log, or what a close says of the object's ticks. The error is that of the log, or of what is in it.
func (w *writer) frame(pl *plan, f *shuffle.Written) error {
	lease, err := w.s.p.logs.Lend(*f)
	if err != nil {
		return err
	}
	defer lease.Release()
	b := lease.Bytes()
	w.beginTick(max(f.First, pl.first))
	if f.Type == frame.Close {
		if b, err = w.clip(b, pl); b == nil || err != nil {
			return err
		}
	} else {
		c, err := contentOf(w.s.e, b)
		if err != nil {
			return err
		}
		w.entry.rows += c.rows
		w.entry.sum += c.sum
	}
	w.entry.frames++
	w.putSummed(b)
	w.putSummed(zeros[:frame.PadLen(len(b))-len(b)])
	return nil
}

var zeros [frame.Align]byte

func (w *writer) putSummed(b []byte) {
	_, _ = w.sum.Write(b) // never fails
	w.put(b)
}

func (w *writer) beginTick(t frame.Tick) {
	if t == w.entry.tick {
		return
	}
	w.endTick()
	w.entry = entry{tick: t, offset: w.at}
	w.sum.Reset()
}

func (w *writer) endTick() {
	if w.entry.frames == 0 {
		return
	}
	w.entry.bytes, w.entry.byteSum = w.at-w.entry.offset, w.sum.Sum64()
	w.foot.rows += w.entry.rows
	w.index = w.entry.append(w.index)
	w.entry.frames = 0
}

// clip makes a frame of what a close says of the object's ticks, nil if that is nothing.
func (w *writer) clip(b []byte, pl *plan) (_ []byte, err error) {
	h := frame.DecodeHeader(b)
	if w.ents, err = frame.ParseClose(h, b, w.ents[:0]); err != nil {
		return nil, err
	}
	clipped := w.ents[:0]
	changed := false
	for _, e := range w.ents {
		if c, ok := clipEntry(e, pl.first, pl.last); ok {
			changed = changed || c != e
			clipped = append(clipped, c)
		} else {
			changed = true
		}
	}
	switch {
	case !changed:
		return b, nil
	case len(clipped) == 0:
		return nil, nil
	}
	return w.closeFrame(h, clipped), nil
}

// clipEntry is what a close says of some ticks. Its CTI changes with its last tick alone.
func clipEntry(e frame.CloseEntry, first, last frame.Tick) (frame.CloseEntry, bool) {
	if e.LastTick < first || e.FirstTick > last {
		return e, false
	}
	e.FirstTick = max(e.FirstTick, first)
	if e.LastTick > last {
		e.LastTick, e.CTI = last, frame.SameCTI
	}
	return e, true
}

// closeFrame is h's frame with other entries.
func (w *writer) closeFrame(h frame.Header, entries []frame.CloseEntry) []byte {
	n := frame.HeaderLen + len(entries)*frame.CloseEntryLen
	w.buf = append(w.buf[:0], make([]byte, n)...)
	h.Len, h.Tick, h.Flags = int32(n), 0, h.Flags&^frame.Summed
	for i, e := range entries {
		frame.PutCloseEntry(w.buf[frame.HeaderLen+i*frame.CloseEntryLen:], e)
		h.Tick = max(h.Tick, e.LastTick)
	}
	frame.PutHeader(w.buf, &h)
	frame.PutSum(w.buf)
	return w.buf
}
