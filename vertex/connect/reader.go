package connect

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// reader reads one split: a goroutine opens the file, then one goroutine per running lane decodes ahead.
// The owner calls Read, Counters and Close from one goroutine.
type reader struct {
	schema  *batch.Schema
	rejects *rejects
	wake    func()
	waiting atomic.Bool   // the owner found nothing and wants to be woken
	done    chan struct{} // closed by Close
	running sync.WaitGroup

	opened chan struct{} // closed when in, dec and openErr are set
	in     *Input
	dec    Decoder
	err    error // of opening; later the final one

	lanes   []*Lane // running lanes, a ring: lane i is at i % len
	lane    int     // the lane being read
	started int     // lanes started so far
	skip    uint64  // rows still to be left out
	cur     *batch.Builder
	at      int // rows of cur already returned
	passed  uint64
	view    batch.Batch
}

var _ vertex.SplitReader = (*reader)(nil)

func openReader(f *Files, format *Format, path string, rejects *rejects, offset uint64, wake func()) *reader {
	r := &reader{
		schema: f.Schema, rejects: rejects, wake: wake, skip: offset, passed: offset,
		done: make(chan struct{}), opened: make(chan struct{}),
	}
	parallel := min(runtime.GOMAXPROCS(0), 4)
	if f.BadRows == Divert {
		parallel = 1 // so that the divert file has the order of the rows
	}
	r.lanes = make([]*Lane, parallel)
	want := &Wanted{Schema: f.Schema, Time: f.Time, Comma: f.Comma}
	r.running.Add(1)
	go r.open(format, path, want)
	return r
}

func (r *reader) open(format *Format, path string, want *Wanted) {
	defer r.running.Done()
	r.in, r.err = openInput(path, r.done)
	if r.err == nil {
		r.dec, r.err = format.Open(r.in, want)
	}
	close(r.opened)
	r.notify()
}

// notify wakes the owner if it waits.
func (r *reader) notify() {
	if r.waiting.Load() && r.waiting.Swap(false) {
		r.wake()
	}
}

// Read returns the next rows, see vertex.SplitReader.
func (r *reader) Read(maxRows int) (*batch.Batch, error) {
	if maxRows < 1 {
		return nil, nil
	}
	ready, err := r.advance()
	if err == nil && !ready {
		// Announce first, then look again: a batch put in between is either seen here or wakes.
		r.waiting.Store(true)
		if ready, err = r.advance(); ready || err != nil {
			r.waiting.Store(false)
		}
	}
	if !ready || err != nil {
		return nil, err
	}
	n := min(maxRows, r.cur.Len()-r.at)
	r.cur.View().SliceInto(&r.view, r.at, r.at+n)
	r.at += n
	r.passed += uint64(n)
	return &r.view, nil
}

// advance makes cur hold rows not yet returned, if there are any to be had now.
func (r *reader) advance() (ready bool, err error) {
	for {
		if r.cur != nil {
			if r.at < r.cur.Len() {
				return true, nil
			}
			r.lanes[r.lane%len(r.lanes)].free <- r.cur
			r.cur = nil
		}
		if ready, err := r.next(); !ready || err != nil {
			return false, err
		}
		n := min(r.skip, uint64(r.cur.Len()))
		r.skip -= n
		r.at = int(n)
	}
}

// next fetches the next batch into cur, moving from lane to lane.
func (r *reader) next() (ready bool, err error) {
	select {
	case <-r.opened:
	default:
		return false, nil
	}
	for r.err == nil {
		if r.lane == r.dec.Lanes() {
			if r.err = r.rejects.finish(); r.err == nil {
				r.err = io.EOF
			}
			break
		}
		r.start()
		l := r.lanes[r.lane%len(r.lanes)]
		select {
		case b, ok := <-l.full:
			if ok {
				r.cur = b
				return true, nil
			}
			r.err = l.err
			r.lane++
		default:
			return false, nil
		}
	}
	return false, r.err
}

// extraLanes counts the lanes of all readers that run ahead of the one being read, so that many open files do not hold a multiple of their memory.
var extraLanes atomic.Int64

func tryExtraLane() bool {
	if extraLanes.Add(1) <= int64(runtime.GOMAXPROCS(0)) {
		return true
	}
	extraLanes.Add(-1)
	return false
}

// start keeps the ring of lanes running: always the one being read, others while the process has room for them. A lane that was read to its end lends its
// builders to its successor in the ring.
func (r *reader) start() {
	for r.started < min(r.dec.Lanes(), r.lane+len(r.lanes)) {
		extra := r.started > r.lane
		if extra && !tryExtraLane() {
			return
		}
		slot := r.started % len(r.lanes)
		l := r.lanes[slot]
		if l == nil {
			l = newLane(r)
			r.lanes[slot] = l
		}
		l.full = make(chan *batch.Builder, laneDepth)
		r.running.Add(1)
		go r.decode(l, r.started, extra)
		r.started++
	}
}

func (r *reader) decode(l *Lane, lane int, extra bool) {
	defer r.running.Done()
	l.err = r.dec.Decode(lane, l)
	if extra {
		extraLanes.Add(-1)
	}
	close(l.full)
	r.notify()
}

// Position writes how many rows were returned.
func (r *reader) Position(w vertex.SnapshotWriter) { w.Uint64(r.passed) }

// Counters tells what was left out so far.
func (r *reader) Counters() vertex.SourceCounters { return r.rejects.counters() }

// Close ends the goroutines and frees everything.
func (r *reader) Close() error {
	select {
	case <-r.done:
		return nil
	default:
	}
	close(r.done)
	r.running.Wait()
	var err error
	if r.dec != nil {
		err = r.dec.Close()
	}
	if r.in != nil {
		err = errors.Join(err, r.in.Close())
	}
	return errors.Join(err, r.rejects.close())
}
