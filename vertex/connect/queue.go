package connect

import (
	"sync"
	"sync/atomic"
)

// Queue hands work to a goroutine of its own, at most depth units at a time. Room, Put, End, Done and Stop belong to one goroutine,
// the owner; do and finish run in the queue's.
type Queue[T any] struct {
	units   chan T
	stop    chan struct{} // closed: drop what is left
	ended   chan struct{} // closed when the goroutine has returned
	once    sync.Once
	closed  bool
	waiting atomic.Bool
	wake    func()
	failure atomic.Pointer[error]
}

// NewQueue starts the goroutine. do works on a unit; after its first error units are only drained. finish runs behind the last unit of an
// ended queue without error. stop is closed when work should be given up.
func NewQueue[T any](depth int, wake func(), do func(unit T, stop <-chan struct{}) error, drop func(T), finish func() error) *Queue[T] {
	q := &Queue[T]{units: make(chan T, depth), stop: make(chan struct{}), ended: make(chan struct{}), wake: wake}
	go q.run(do, drop, finish)
	return q
}

func (q *Queue[T]) run(do func(T, <-chan struct{}) error, drop func(T), finish func() error) {
	defer q.notify()
	defer close(q.ended)
	for u := range q.units {
		if q.failure.Load() == nil && !q.stopped() {
			q.fail(do(u, q.stop))
		}
		drop(u)
		q.notify()
	}
	if q.failure.Load() == nil && !q.stopped() {
		q.fail(finish())
	}
}

func (q *Queue[T]) fail(err error) {
	if err != nil {
		q.failure.Store(&err)
	}
}

func (q *Queue[T]) stopped() bool {
	select {
	case <-q.stop:
		return true
	default:
		return false
	}
}

func (q *Queue[T]) notify() {
	if q.waiting.Load() && q.waiting.Swap(false) {
		q.wake()
	}
}

// Err is the first error of the work done so far.
func (q *Queue[T]) Err() error {
	if e := q.failure.Load(); e != nil {
		return *e
	}
	return nil
}

// Room reports whether Put may be called; if not, wake is called when that may have changed.
func (q *Queue[T]) Room() bool {
	if len(q.units) < cap(q.units) {
		return true
	}
	q.waiting.Store(true)
	if len(q.units) < cap(q.units) {
		q.waiting.Store(false)
		return true
	}
	return false
}

// Put hands on a unit. Room has just returned true.
func (q *Queue[T]) Put(u T) { q.units <- u }

// End says that no further unit comes and reports whether all work is done; if not, wake is called later.
func (q *Queue[T]) End() (done bool, err error) {
	if !q.closed {
		q.closed = true
		close(q.units)
	}
	q.waiting.Store(true)
	select {
	case <-q.ended:
		q.waiting.Store(false)
		return true, q.Err()
	default:
		return false, nil
	}
}

// Stop drops what is left and returns when the goroutine has ended.
func (q *Queue[T]) Stop() {
	q.once.Do(func() { close(q.stop) })
	if !q.closed {
		q.closed = true
		close(q.units)
	}
	<-q.ended
}
