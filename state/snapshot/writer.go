package snapshot

import (
	"errors"
	"sync"

	"github.com/streamscope/streamscope/ringlog/frame"
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
	// Done is told the outcome, from the Writer's goroutine; it must not block. The Chain is the caller's again.
	Done func(Entry, error)
}

// Writer writes snapshots in the background, in the order they were submitted.
type Writer struct {
	mu struct {
		sync.Mutex
		closed bool
		work   chan Work // Invariant: closed with the Writer
	}
	done chan struct{}
}

// NewWriter starts a writer with room for so many snapshots that wait.
func NewWriter(waiting int) *Writer {
	w := &Writer{done: make(chan struct{})}
	work := make(chan Work, waiting)
	w.mu.work = work
	go func() {
		defer close(w.done)
		for x := range work {
			e, err := x.Chain.Write(x.Tick, &x.Image)
			x.Image.Release()
			x.Done(e, err)
		}
	}()
	return w
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

// Close waits until all that was submitted is written.
func (w *Writer) Close() {
	w.mu.Lock()
	if !w.mu.closed {
		w.mu.closed = true
		close(w.mu.work)
	}
	w.mu.Unlock()
	<-w.done
}
