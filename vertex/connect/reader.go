package connect

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// reader reads one split: a goroutine opens the file, then one goroutine per running lane decodes ahead.
// The owner calls Read, Position, Counters and Close from one goroutine.
type reader struct {
	schema  *batch.Schema
	rejects *rejects
	wake    func()
	waiting atomic.Bool   // the owner found nothing and wants to be woken
	done    chan struct{} // closed by Close
	running sync.WaitGroup

	opened chan struct{} // closed when in, dec and err are set
	in     *Input
	dec    Decoder
	err    error // of opening; later the final one

	lanes   []*Lane  // running lanes, a ring: lane i is at i % len
	first   position // where the split was opened
	lane    int      // the lane being read
	started int      // lanes started so far, those before the first one counted
	cur     *batch.Builder
	at      int // rows of cur already returned
	view    batch.Batch
	skip    uint64   // rows still to be left out: they were returned in an earlier life
	pos     position // behind the rows returned last, but for skip
	behind  uint64   // of a tape: place behind cur
	before  tally    // of the lanes before lane
}

var _ vertex.SplitReader = (*reader)(nil)

// openReader begins to read an input; nil: the file of that path.
func openReader(f *Files, format *Format, in *Input, path string, rejects *rejects, from position, wake func()) *reader {
	r := &reader{
		schema: f.Schema, rejects: rejects, wake: wake, first: from, pos: from, skip: from.rows, before: from.left,
		done: make(chan struct{}), opened: make(chan struct{}), in: in,
	}
	r.pos.rows = 0
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
	if r.in == nil {
		r.in, r.err = openInput(path, r.done)
	}
	if r.err == nil {
		r.dec, r.err = format.Open(r.in, want)
	}
	if n := uint64(0); r.err == nil {
		if n = uint64(r.dec.Lanes()); r.first.lane > n {
			r.err = fmt.Errorf("%s: its position is in part %d of %d: the file has changed", path, r.first.lane+1, n)
		}
		r.lane, r.started = int(r.first.lane), int(r.first.lane)
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
	r.pass(n)
	return &r.view, nil
}

// pass moves the position behind rows of cur.
func (r *reader) pass(n int) {
	r.at += n
	r.pos.rows += uint64(n)
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
		r.pass(int(n))
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
			r.err = r.end()
			break
		}
		r.start()
		l := r.lanes[r.lane%len(r.lanes)]
		select {
		case b, ok := <-l.full:
			if ok {
				r.take(b)
				return true, nil
			}
			r.endLane(l)
		default:
			return false, nil
		}
	}
	return false, r.err
}

// take makes a block the current one.
func (r *reader) take(b block) {
	r.cur, r.at, r.behind = b.rows, 0, b.end
	if b.mark.set {
		r.pos.place, r.pos.rows, r.pos.left = b.mark.place, 0, r.before
		r.pos.left.add(b.mark.left)
	}
}

// endLane moves to the beginning of the next lane, or behind the last one. Behind an error only the counters matter any more.
func (r *reader) endLane(l *Lane) {
	r.err = l.err
	r.before.add(l.left)
	r.lane++
	r.pos.lane, r.pos.place, r.pos.rows, r.pos.left = uint64(r.lane), Place{}, 0, r.before
}

// end is the final error behind the last lane.
func (r *reader) end() error {
	if r.skip > 0 {
		return fmt.Errorf("%s: ends %d rows before its position: inputs must not change while a job runs", r.in.Name, r.skip)
	}
	return io.EOF
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
		l.full, l.left = make(chan block, laneDepth), tally{}
		r.running.Add(1)
		go r.decode(l, r.started, extra)
		r.started++
	}
}

func (r *reader) decode(l *Lane, lane int, extra bool) {
	defer r.running.Done()
	var from Place
	if uint64(lane) == r.first.lane {
		from = r.first.place
	}
	l.err = r.dec.Decode(lane, from, l)
	if err := r.rejects.sync(); l.lost == nil {
		l.lost = err
	}
	if l.err == nil {
		l.err = l.lost
	}
	if extra {
		extraLanes.Add(-1)
	}
	close(l.full)
	r.notify()
}

// Position tells where the next Read goes on, see vertex.SplitReader.
func (r *reader) Position(w vertex.SnapshotWriter) {
	p := r.pos
	p.rows += r.skip
	select {
	case <-r.opened:
		if r.in != nil {
			p.size = uint64(max(r.in.Size, 0))
		}
	default:
	}
	p.write(w)
}

// Counters tells what was left out before the block that the rows returned last are of; behind the end, all.
func (r *reader) Counters() vertex.SourceCounters { return r.pos.left.SourceCounters }

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
