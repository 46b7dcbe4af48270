package snapshot

import (
	"errors"
	"sync"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
)

var (
	// ErrBusy means that a Writer has all the work it takes; the snapshot is skipped.
	ErrBusy = errors.New("snapshots are written more slowly than they come")
	// ErrClosed means that a Writer was closed.
	ErrClosed = errors.New("writer of snapshots is closed")
)

// Work is a snapshot to be written.
type Work struct {
	Chain *Chain
	Tick  frame.Tick
	Image Image
	// Failed, if set, is told of a try that failed and is to be repeated, from the Writer's goroutine; it must not block.
	Failed func(error)
	// Done is told the outcome, as Failed is. The Chain is the caller's again.
	Done func(Entry, error)
}

// Retry says how a Writer repeats what fails: after Pause, then after twice as long each time, as long as For is not over since the first failure. The
// zero Retry repeats nothing.
type Retry struct{ Pause, For time.Duration }

// Writer writes snapshots in the background, in the order they were submitted.
type Writer struct {
	mu struct {
		sync.Mutex
		closed bool
		work   chan Work // Invariant: closed with the Writer
	}
	retry   Retry
	closing chan struct{} // closed by Close: nothing is repeated any more
	done    chan struct{}
}

// NewWriter starts a writer with room for so many snapshots that wait. Those behind one that is repeated wait, too.
func NewWriter(waiting int, retry Retry) *Writer {
	w := &Writer{retry: retry, closing: make(chan struct{}), done: make(chan struct{})}
	work := make(chan Work, waiting)
	w.mu.work = work
	go func() {
		defer close(w.done)
		for x := range work {
			e, err := w.write(&x)
			x.Image.Release()
			x.Done(e, err)
		}
	}()
	return w
}

// write writes a snapshot, again and again if that may help.
func (w *Writer) write(x *Work) (Entry, error) {
	e, err := x.Chain.Write(x.Tick, &x.Image)
	until := time.Now().Add(w.retry.For)
	for pause := w.retry.Pause; mayPass(err) && pause > 0 && time.Now().Add(pause).Before(until); pause *= 2 {
		if x.Failed != nil {
			x.Failed(err)
		}
		again := time.NewTimer(pause)
		select {
		case <-again.C:
		case <-w.closing:
			again.Stop()
			return e, err
		}
		if err = x.Chain.Reload(); err == nil {
			e, err = x.Chain.Write(x.Tick, &x.Image)
		}
	}
	return e, err
}

// mayPass tells failures that are the store's, and may be over in a moment, from those that stay: an image that is lost, a chain that is another's.
func mayPass(err error) bool {
	return err != nil && !errors.Is(err, state.ErrFull) && !errors.Is(err, state.ErrReleased) && !errors.Is(err, ErrConflict) && !errors.Is(err, ErrDamaged)
}

// Submit hands a snapshot over and does not wait. After ErrBusy or ErrClosed the image is released and Done is not called; the next snapshot of
// its states is full by itself.
func (w *Writer) Submit(x Work) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := ErrBusy
	if w.mu.closed {
		err = ErrClosed
	} else {
		select {
		case w.mu.work <- x:
			return nil
		default:
		}
	}
	x.Image.Release()
	return err
}

// Close waits until all that was submitted is written, or has failed once more.
func (w *Writer) Close() {
	w.mu.Lock()
	if !w.mu.closed {
		w.mu.closed = true
		close(w.closing)
		close(w.mu.work)
	}
	w.mu.Unlock()
	<-w.done
}
