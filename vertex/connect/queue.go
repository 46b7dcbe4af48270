package connect

import (
	"errors"
	"slices"
	"sync"
)

// errStopped is what became of work that was given up.
var errStopped = errors.New("the output was let go before that was written")

// Queue hands work to a goroutine of its own. Room, Put, End and Stop belong to one goroutine, the owner; Err may be called from any. The
// functions of Work run in the queue's.
type Queue[T any] struct {
	work  Work[T]
	depth int
	wake  func()
	stop  chan struct{} // closed by Stop: drop what is left
	ended chan struct{} // closed when the goroutine has returned

	mu      sync.Mutex // guards what follows
	changed sync.Cond  // units or closed; with mu
	units   []T
	closed  bool // no further unit comes
	waiting bool // the owner wants to be woken
	failure error
}

// Work is what a queue does.
type Work[T any] struct {
	// Do works on a unit. After its first error none is worked on any more. stop is closed when work should be given up.
	Do func(unit T, stop <-chan struct{}) error
	// Drop takes back each unit, in order, when it was worked on, or when it will not be: then err says why.
	Drop func(unit T, err error)
	// Finish runs behind the last unit of an ended queue without error.
	Finish func() error
}

// NewQueue starts the goroutine. It is busy when depth units wait.
func NewQueue[T any](depth int, wake func(), work Work[T]) *Queue[T] {
	q := &Queue[T]{work: work, depth: depth, wake: wake, stop: make(chan struct{}), ended: make(chan struct{})}
	q.changed.L = &q.mu
	go q.run()
	return q
}

func (q *Queue[T]) run() {
	for {
		u, ok := q.next()
		if !ok {
			break
		}
		err := q.blocked()
		if err == nil {
			err = q.work.Do(u, q.stop)
			q.fail(err)
		}
		q.work.Drop(u, err)
		q.notify()
	}
	if q.blocked() == nil {
		q.fail(q.work.Finish())
	}
	close(q.ended)
	q.notify()
}

// next takes the oldest unit, waiting for one; false behind the last.
func (q *Queue[T]) next() (u T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.units) == 0 {
		if q.closed {
			return u, false
		}
		q.changed.Wait()
	}
	u = q.units[0]
	q.units = slices.Delete(q.units, 0, 1) // of a few
	return u, true
}

// blocked is why no more work is done, nil if it is.
func (q *Queue[T]) blocked() error {
	if q.stopped() {
		return errStopped
	}
	return q.Err()
}

func (q *Queue[T]) stopped() bool {
	select {
	case <-q.stop:
		return true
	default:
		return false
	}
}

func (q *Queue[T]) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failure == nil {
		q.failure = err
	}
}

func (q *Queue[T]) notify() {
	q.mu.Lock()
	wake := q.waiting
	q.waiting = false
	q.mu.Unlock()
	if wake {
		q.wake()
	}
}

// Err is the first error of the work done so far.
func (q *Queue[T]) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failure
}

// Room reports whether a unit may be put that can wait; if not, wake is called when that may have changed.
func (q *Queue[T]) Room() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	room := len(q.units) < q.depth
	q.waiting = !room
	return room
}

// Put hands on a unit. Without Room it is taken nevertheless; who does that bounds it. It is not called after End and Stop.
func (q *Queue[T]) Put(u T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.units = append(q.units, u)
	q.changed.Signal()
}

// End says that no further unit comes and reports whether all work is done; if not, wake is called later.
func (q *Queue[T]) End() (done bool, err error) {
	q.mu.Lock()
	q.closed, q.waiting = true, true
	q.changed.Signal()
	q.mu.Unlock()
	select {
	case <-q.ended:
		return true, q.Err()
	default:
		return false, nil
	}
}

// Stop drops what is left and returns when the goroutine has ended. It may be called again.
func (q *Queue[T]) Stop() {
	q.mu.Lock()
	if !q.stopped() {
		close(q.stop)
	}
	q.closed = true
	q.changed.Signal()
	q.mu.Unlock()
	<-q.ended
}
