package shuffle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

var (
	// ErrLate: a row, or a promise, below what the writer has promised. The writer goes on.
	ErrLate = errors.New("below what was promised")
	// ErrTooLarge: a row that does not fit a frame. The writer goes on.
	ErrTooLarge = errors.New("row too large")
	// ErrWriterClosed: the writer was closed before.
	ErrWriterClosed = errors.New("writer is closed")
	// ErrMode: rounds are for ordered shuffles; Advance and Idle are for unordered ones.
	ErrMode = errors.New("not in this mode")
)

// Writer puts rows into a shuffle. Any goroutine may call it; rows reach a partition in the order in which one writer took them. Writers
// work beside each other: one for each goroutine that has much to write.
type Writer struct {
	s    *Shuffle
	task frame.TaskID
	gate gate // opened when what a writer waits for may be there
	mu   struct {
		sync.Mutex
		port    *Port
		log     *ringlog.Log
		tick    frame.Tick // open: the tick, or round, that rows go to
		from    frame.Pos  // of the log when the tick was opened
		cti     CTI        // promised by the caller
		said    frame.CTI  // in the last close
		idle    bool       // out of the minimum
		resumes bool       // idle, and wants back: its ticks stand still until all have closed the last
		dirty   bool       // rows or a CTI since the last close
		pending bool       // closes or rows found no room in the log
		refused bool       // somebody may wait for room
		ended   bool
		typed   *batch.Builder // rows that came one by one; nil if none ever did
		part    batch.Batch
		rows    uint64
		full    uint64
	}
}

func newWriter(s *Shuffle, i int) *Writer {
	w := &Writer{s: s, task: frame.TaskID(s.cfg.Self*s.cfg.Writers + i)}
	w.mu.port = s.exchange.Port(i)
	w.mu.log = w.mu.port.log
	w.mu.tick, w.mu.cti, w.mu.said = 1, NoCTI, frame.MinCTI
	return w
}

// Write copies the rows of b, a batch of the shuffle's schema, and waits while there is no room: until ctx ends, the writer is closed or the
// shuffle fails. A row below the writer's CTI is ErrLate, one that no frame can hold ErrTooLarge: then nothing is taken. With any other
// error, some of the rows may have been.
func (w *Writer) Write(ctx context.Context, b *Batch) error {
	at := 0
	return w.wait(ctx, func() (bool, error) {
		n, err := w.take(b, at)
		at += n
		return at == b.N, err
	})
}

// TryWrite copies as many rows of b as there is room for, from the first on, and returns how many. Fewer than b.N mean that the shuffle is
// full: the readers are behind. The errors are those of Write; with ErrLate and ErrTooLarge nothing is taken.
func (w *Writer) TryWrite(b *Batch) (rows int, err error) { return w.take(b, 0) }

// wait calls try until it is done or fails.
func (w *Writer) wait(ctx context.Context, try func() (done bool, err error)) error {
	for {
		if done, err := try(); done || err != nil {
			return err
		}
		changed := w.gate.changed()
		if done, err := try(); done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-w.s.failed:
			return w.s.Err()
		}
	}
}

// take appends rows from the given one on.
func (w *Writer) take(b *Batch, from int) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ready, err := w.ready(); !ready {
		return 0, err
	}
	if from == 0 {
		if err := w.check(b); err != nil {
			return 0, err
		}
	}
	if ok, err := w.pushTyped(); !ok {
		return 0, err
	}
	for from+n < b.N {
		part := &w.mu.part
		if m := w.s.stage.rows(b, from+n); m == b.N {
			part = b
		} else {
			b.SliceInto(part, from+n, from+n+m)
		}
		ok, err := w.push(part)
		if !ok {
			return n, err
		}
		n += part.N
	}
	return n, nil
}

// ready reports whether the writer may take rows now. The lock is held, here and in all that follows.
func (w *Writer) ready() (bool, error) {
	switch {
	case w.s.hasFailed():
		return false, w.s.Err()
	case w.mu.ended:
		return false, ErrWriterClosed
	case w.mu.idle && !w.resume():
		return false, nil
	case w.s.cfg.Ordered && w.mu.tick > w.s.exchange.Drained(theEdge)+frame.Tick(w.s.cfg.RoundsAhead):
		return false, nil
	}
	return true, nil
}

// check judges a batch before any of it is taken.
func (w *Writer) check(b *Batch) error {
	if b.Schema != w.s.cfg.Schema && !b.Schema.Equal(w.s.cfg.Schema) {
		return fmt.Errorf("shuffle: rows of %v, want %v", b.Schema, w.s.cfg.Schema)
	}
	if w.mu.cti > NoCTI {
		for i, vs := range b.Vs {
			if vs < int64(w.mu.cti) {
				return fmt.Errorf("shuffle: row %d: vs %d: %w: %d", i, vs, ErrLate, w.mu.cti)
			}
		}
	}
	return w.s.stage.check(b)
}

// push appends rows to the open tick, and ends it when it is large enough.
func (w *Writer) push(b *batch.Batch) (bool, error) {
	w.mu.port.SetNow(time.Now().UnixNano())
	ok, err := w.mu.port.Append(theEdge, w.task, w.mu.tick, b)
	if err != nil {
		w.s.fail(err)
		return false, err
	}
	if !ok {
		w.mu.full++
		w.mu.refused = true
		return false, nil
	}
	w.admit()
	w.mu.rows += uint64(b.N)
	w.touch()
	if !w.s.cfg.Ordered && int(w.mu.log.Committed()-w.mu.from) >= w.s.cfg.tickBytes() {
		w.cut(w.mu.tick)
	}
	return true, nil
}

// pushTyped appends the rows that came one by one.
func (w *Writer) pushTyped() (bool, error) {
	if w.mu.typed == nil || w.mu.typed.Len() == 0 {
		return true, nil
	}
	ok, err := w.push(w.mu.typed.View())
	if ok {
		w.mu.typed.Reset()
	}
	return ok, err
}

// touch notes that there is something that must not wait for long.
func (w *Writer) touch() {
	if !w.mu.dirty {
		w.mu.dirty = true
		w.s.wakeDriver()
	}
}

// cut ends the ticks from the open one to last.
func (w *Writer) cut(last frame.Tick) {
	t, cti := w.mu.tick, codeCTI(w.mu.cti, w.mu.idle)
	w.close(t, t, cti)
	if last > t {
		w.close(t+1, last, cti)
	}
	w.flush()
	w.opened(last + 1)
	w.s.wakeDriver() // the other writers follow
}

func (w *Writer) close(first, last frame.Tick, cti frame.CTI) {
	w.mu.port.Close(theEdge, w.task, first, last, w.mu.said, cti)
	w.mu.said = cti
	w.s.note(frame.CloseEntry{First: w.task, Last: w.task, FirstTick: first, LastTick: last, CTI: cti})
}

func (w *Writer) opened(t frame.Tick) {
	w.mu.tick, w.mu.from, w.mu.dirty = t, w.mu.log.Committed(), false
}

// flush writes what is staged; what finds no room is pending, and the driver tries again.
func (w *Writer) flush() {
	done, err := w.mu.port.Flush(theEdge)
	if err != nil {
		w.s.fail(err)
	}
	if w.mu.pending = !done; done {
		w.admit()
	}
}

// admit wakes who waits for room, once there is some: the log wakes only the first that comes for it.
func (w *Writer) admit() {
	if w.mu.refused {
		w.mu.refused = false
		w.gate.open()
	}
}

// Flush sends what was written so far without waiting for more, or for the next flush by time. It does not wait for room.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.s.hasFailed() {
		return w.s.Err()
	}
	if ok, err := w.pushTyped(); !ok {
		return err
	}
	w.flush()
	return w.s.Err()
}

// tend does what a writer owes the others while its caller does nothing: it follows their ticks and, when due, sends what has waited. It
// reports whether there is more to send later.
func (w *Writer) tend(due bool) (again bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.pending {
		if w.flush(); w.mu.pending {
			return false // the log wakes the driver
		}
	}
	if w.mu.ended {
		return false
	}
	if due {
		if _, err := w.pushTyped(); err != nil {
			return false
		}
	}
	switch {
	case w.s.cfg.Ordered:
		if due && w.mu.dirty {
			w.flush()
			w.mu.dirty = false
		}
	case w.mu.resumes:
		w.resume()
	default:
		w.follow(due)
	}
	return w.mu.dirty || w.mu.typed != nil && w.mu.typed.Len() > 0
}

// follow ends the ticks that others have ended, and the open one when it is time. CTIs alone end no more ticks than ticksAhead before
// all readers have seen them, since such ticks take no credit.
func (w *Writer) follow(due bool) {
	switch last := w.s.pace.leader(); {
	case last >= w.mu.tick:
		w.cut(last)
	case !due || !w.mu.dirty:
	case w.mu.tick <= w.s.exchange.Drained(theEdge)+ticksAhead:
		w.cut(w.mu.tick)
	default:
		w.flush()
	}
}

const ticksAhead = 64

// Close ends the writer: what it took is still delivered. Readers have the end of the stream when all writers of all processes are closed.
// In an ordered shuffle it also ends the open round, if anything was written in it. It never waits, and may be called again.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.s.hasFailed() {
		return w.s.Err()
	}
	if w.mu.ended {
		return nil
	}
	if w.mu.typed != nil && w.mu.typed.Len() > 0 {
		return errors.New("shuffle: rows that were written one by one wait for room: close their own writer")
	}
	t := w.mu.tick
	if w.s.cfg.Ordered && w.mu.port.outs[theEdge].emitted[0] == t {
		w.close(t, t, w.mu.said) // a round of its own
		t++
	}
	w.close(t, t, frame.MaxCTI) // out of the minimum at once, not only when all have ended
	w.close(t+1, frame.MaxTick, frame.MaxCTI)
	w.mu.ended = true
	w.flush()
	w.s.wakeDriver()
	w.gate.open()
	return nil
}

// finished reports that all of the writer is in its log.
func (w *Writer) finished() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.ended && !w.mu.pending
}
