package runtime

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Schedule says how sources cut ticks. Exactly one of Bytes and Length is set.
type Schedule struct {
	Bytes   int           // cut a tick when its rows take this much memory
	Length  time.Duration // or by time
	StartNs int64         // unix nanoseconds at which tick 1 begins; with Length
}

// at returns the tick that time now belongs to; with Length only.
func (s Schedule) at(now int64) frame.Tick {
	return 1 + frame.Tick(max(now-s.StartNs, 0)/int64(s.Length))
}

// endNs is when a tick ends; with Length only.
func (s Schedule) endNs(t frame.Tick) int64 { return s.StartNs + int64(t)*int64(s.Length) }

// Admission bounds what a source task may have in flight: ticks opened and not drained, and the bytes of their rows. Whatever the
// bounds, it may open the tick after the last one drained (I16).
type Admission struct {
	Ticks int
	Bytes int
}

// sourceTask reads splits and cuts what they bring into ticks.
//
// Invariants:
//   - tick is the one being filled, 0 between ticks; it is the one after cut
//   - closed <= cut; cuts are the ranges between them, in order
type sourceTask struct {
	f        *fused
	schedule Schedule
	admit    Admission
	late     int64 // allowed lateness, µs
	splits   []*splitState
	tick     frame.Tick
	cut      frame.Tick     // the last tick that is complete
	closed   frame.Tick     // the last tick that the edges were told of
	cuts     []cut          // complete, and not told yet
	record   journal.Record // of the open tick
	journal  Journal        // nil without recovery
	marks    *marks         // of the worker
	opened   *atomic.Uint64 // of the worker
	imaged   frame.Tick     // the newest image, or before the end: no image of it is missing up to there
	bytes    int
	flight   []tickBytes
	inFlight int
	pending  *batch.Batch // being fed
	kept     *batch.Builder
	tried    bool // a read was tried after tick's end: what has arrived is in it, and however short ticks are, sources make progress
	closing  bool
	finished bool // the operators have closed tick; the edges have not
	rate     pace
	rows     uint64    // read at the rate
	tickCTI  frame.CTI // of the tick that was finished last
	cti      frame.CTI // at cut
	counted  vertex.SourceCounters
	taken    uint64 // rows read, in all lives
	lateRows uint64 // of them

	again   bool             // nothing is cut but what is written down
	full    bool             // the open tick gets no more rows: the journal has no room
	piece   int              // bytes of input in a record, at most
	replay  []journal.Record // of the last life, to be cut again
	run     int              // of the record at hand: runs that are read
	runRows uint32           // and rows of the next one
}

type tickBytes struct {
	tick  frame.Tick
	bytes int
}

type splitState struct {
	vertex.Split
	reader vertex.SplitReader
	tape   *tape // nil: it can be read again
	maxVs  int64
	cti    frame.CTI
	ended  bool
}

// pace allows a number of rows per second since a start.
type pace struct {
	perSecond float64 // 0: unlimited
	startNs   int64
}

func (p *pace) allowed(now int64, read uint64) int {
	if p.perSecond == 0 {
		return 1 << 30
	}
	if p.startNs == 0 {
		p.startNs = now
	}
	return int(float64(now-p.startNs)/1e9*p.perSecond) - int(read)
}

const sourceQuantum = 4096 // rows read at a time

// drained forgets what is no longer in flight.
func (s *sourceTask) drained(t frame.Tick) {
	for len(s.flight) > 0 && s.flight[0].tick <= t {
		s.inFlight -= s.flight[0].bytes
		s.flight = s.flight[1:]
	}
}

// mayOpen is the admission rule.
func (s *sourceTask) mayOpen(t, drained frame.Tick) bool {
	return t <= drained+1 || (int(t-drained) <= s.admit.Ticks && s.inFlight < s.admit.Bytes)
}

// step reads, feeds or closes a little. When it leaves finished set, the caller tells the edges.
func (s *sourceTask) step(now int64, drained frame.Tick) (worked bool, err error) {
	if s.cut == frame.MaxTick {
		return false, nil
	}
	s.drained(drained)
	s.tellKept()
	if s.pending != nil {
		return s.feed()
	}
	if s.closing {
		return s.finishTick()
	}
	if s.tick == 0 {
		next := s.cut + 1
		if !s.replaying() && (s.again || !s.mayOpen(next, drained) || s.noRoom() && s.marks.after(s.cut) == 0) {
			return false, nil
		}
		s.tick, s.f.tick, s.tried, s.full = next, next, false, false
		raise(s.opened, next)
		if s.replaying() {
			if err := s.give(next); err != nil {
				return false, err
			}
		}
	}
	if s.replaying() {
		return s.replayRows()
	}
	if s.schedule.Length == 0 || now < s.schedule.endNs(s.tick) {
		return s.read(now)
	}
	// The tick is over. What has arrived meanwhile is of it, as far as one read goes: the core may have been busy with something else.
	if !s.tried {
		s.tried = true
		if worked, err = s.read(now); worked || err != nil || s.pending != nil {
			return worked, err
		}
	}
	s.closing = true
	return s.finishTick()
}

// noRoom reports that the journal should have no more rows.
func (s *sourceTask) noRoom() bool { return s.journal != nil && !s.journal.Room() }

// read takes rows from the split with the lowest CTI.
func (s *sourceTask) read(now int64) (worked bool, err error) {
	if s.full = s.full || s.noRoom(); s.full {
		if s.schedule.Length > 0 {
			return false, nil
		}
		s.closing = true
		return s.finishTick()
	}
	sp := s.lowest()
	if sp == nil {
		s.closing = true
		return s.finishTick()
	}
	n := min(sourceQuantum, s.rate.allowed(now, s.rows))
	if s.schedule.Bytes > 0 {
		n = min(n, max(1, (s.schedule.Bytes-s.bytes)/s.f.stage.Source.Schema().FixedRowBytes()))
	}
	if n <= 0 {
		return false, nil
	}
	rows, err := sp.reader.Read(n)
	if kerr := s.keep(sp); kerr != nil {
		return false, kerr
	}
	if errors.Is(err, io.EOF) {
		sp.ended, sp.cti = true, frame.MaxCTI
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if rows == nil {
		return false, nil
	}
	if rows.N == 0 {
		return true, nil
	}
	s.rows += uint64(rows.N)
	if s.journal != nil && rows.N > 0 {
		s.record.Add(sp.ID, rows.N)
	}
	return s.take(sp, rows)
}

// take feeds rows that were read.
func (s *sourceTask) take(sp *splitState, rows *batch.Batch) (worked bool, err error) {
	if rows.N == 0 {
		return true, nil
	}
	s.f.stats.source.in.Add(uint64(rows.N))
	s.taken += uint64(rows.N)
	s.pending = s.punctual(sp, rows)
	s.f.stats.source.out.Add(uint64(s.pending.N))
	s.bytes += batchBytes(s.pending)
	return s.feed()
}

func (s *sourceTask) lowest() *splitState {
	var low *splitState
	for _, sp := range s.splits {
		if !sp.ended && (low == nil || sp.cti < low.cti) {
			low = sp
		}
	}
	return low
}

// punctual drops late rows, decided row by row: a row is late if its Vs is below the greatest Vs of earlier rows of its split less the
// allowed lateness. The usual batch without late rows is passed on as it is.
func (s *sourceTask) punctual(sp *splitState, rows *batch.Batch) *batch.Batch {
	late := 0
	maxVs := sp.maxVs
	var keep []int32
	for i, vs := range rows.Vs {
		if vs < maxVs-s.late && maxVs != int64(frame.MinCTI) {
			if late == 0 {
				keep = make([]int32, i, rows.N)
				for k := range keep {
					keep[k] = int32(k)
				}
			}
			late++
			continue
		}
		maxVs = max(maxVs, vs)
		if late > 0 {
			keep = append(keep, int32(i))
		}
	}
	sp.maxVs = maxVs
	sp.cti = frame.CTI(maxVs - s.late)
	if late == 0 {
		return rows
	}
	s.f.stats.late.Add(uint64(late))
	s.lateRows += uint64(late)
	if s.kept == nil {
		s.kept = batch.NewBuilder(rows.Schema)
	}
	s.kept.Reset()
	s.kept.AppendSel(rows, keep)
	return s.kept.View()
}

func (s *sourceTask) feed() (worked bool, err error) {
	done, err := s.f.feed(Input{Kind: FromSource}, s.pending)
	if err != nil || !done {
		return false, err
	}
	s.pending = nil
	if !s.replaying() && s.schedule.Bytes > 0 && s.bytes >= s.schedule.Bytes {
		s.closing = true
	}
	return true, nil
}

// finishTick closes the operators for the open tick; the edges follow in stageRun.closeDurable.
func (s *sourceTask) finishTick() (worked bool, err error) {
	if done, err := s.f.settle(); !done || err != nil {
		return false, err
	}
	cti := s.currentCTI()
	if s.replaying() {
		if was := s.replay[0].CTI; cti > was {
			return false, fmt.Errorf("task %d, tick %d: CTI %d, the journal says %d: the input has changed", s.f.task, s.tick, cti, was)
		}
		cti = s.replay[0].CTI
	}
	done, err := s.f.close(func(Input) frame.CTI { return cti })
	if err != nil || !done {
		return false, err
	}
	s.closing, s.finished, s.tickCTI = false, true, cti
	s.count()
	s.flight = append(s.flight, tickBytes{s.tick, s.bytes})
	s.inFlight += s.bytes
	s.bytes = 0
	return true, nil
}

// count publishes what the readers left out so far.
func (s *sourceTask) count() {
	var c vertex.SourceCounters
	for _, sp := range s.splits {
		n := sp.reader.Counters()
		c.Skipped += n.Skipped
		c.Diverted += n.Diverted
	}
	st := s.f.stats
	st.skipped.Add(c.Skipped - s.counted.Skipped)
	st.diverted.Add(c.Diverted - s.counted.Diverted)
	st.ticks.Store(max(st.ticks.Load(), uint64(s.tick)))
	s.counted = c
}

func (s *sourceTask) currentCTI() frame.CTI {
	cti := frame.MaxCTI
	for _, sp := range s.splits {
		cti = min(cti, sp.cti)
	}
	return cti
}

func (s *sourceTask) ended() bool { return s.lowest() == nil }

// close frees the readers.
func (s *sourceTask) close() error {
	var errs []error
	for _, sp := range s.splits {
		if sp.reader != nil {
			errs = append(errs, sp.reader.Close())
			sp.reader = nil
		}
	}
	return errors.Join(errs...)
}

func (s *sourceTask) open(src vertex.Source, wake func()) error {
	for _, sp := range s.splits {
		r, err := src.Open(sp.Split, nil, wake)
		if err != nil {
			return err // it names the split
		}
		sp.opened(r)
	}
	return nil
}

// batchBytes is the memory the rows of a batch take.
func batchBytes(b *batch.Batch) int {
	n := b.N * b.Schema.FixedRowBytes()
	for i := range b.Cols {
		if b.Cols[i].Kind().VarLen() && b.N > 0 {
			offs, _ := b.Cols[i].Var()
			n += int(offs[b.N] - offs[0])
		}
	}
	return n
}

// paceNs is how long a paced source waits at least: at high rates, rows are read many at a time instead of one per wake.
const paceNs = 250_000

// deadline is when the task has something to do by the clock alone: its tick ends, or its rate allows a row again. 0: never. A task that waits for
// room is woken when there is some, however long ago its tick should have ended; one that cuts again what was cut before goes by its journal, and is
// woken by its reader.
func (s *sourceTask) deadline(now int64) int64 {
	if s.cut == frame.MaxTick || s.pending != nil || s.closing || s.replaying() {
		return 0
	}
	d := int64(0)
	if s.schedule.Length > 0 && s.tick != 0 {
		d = s.schedule.endNs(s.tick)
	}
	if s.rate.perSecond > 0 && s.rate.startNs != 0 {
		next := s.rate.startNs + int64(float64(s.rows+1)/s.rate.perSecond*1e9) + 1
		if next > now && (d == 0 || max(next, now+paceNs) < d) {
			d = max(next, now+paceNs)
		}
	}
	return d
}
