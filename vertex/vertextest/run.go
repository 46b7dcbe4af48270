package vertextest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// shape is a way of running a case.
type shape struct {
	cut     cut
	restore bool // into a new instance after every tick
	tight   bool // an outbox of one row that refuses every other time
}

type cut int

const (
	allAtOnce cut = iota
	rowByRow
	atRandom
)

func (s shape) String() string {
	text := []string{"rows all at once", "row by row", "rows cut at random"}[s.cut]
	if s.restore {
		text += ", restored after every tick"
	}
	if s.tight {
		text += ", outbox of one row"
	}
	return "[" + text + "]"
}

func shapes() []shape {
	var all []shape
	for _, restore := range []bool{true, false} {
		for _, tight := range []bool{false, true} {
			for _, c := range []cut{allAtOnce, rowByRow, atRandom} {
				all = append(all, shape{c, restore, tight})
			}
		}
	}
	return all
}

// run is what came out of one shape.
type run struct {
	shape shape
	ticks []tickResult
}

type tickResult struct {
	rows     []string
	cti      frame.CTI
	snapshot []byte // nil where the shape took none
}

// diff compares two runs; snapshots only where both have one.
func (r *run) diff(o *run) error {
	for i, want := range r.ticks {
		got := o.ticks[i]
		for k := range max(len(want.rows), len(got.rows)) {
			if w, g := nth(want.rows, k), nth(got.rows, k); w != g {
				return fmt.Errorf("tick %d, output row %d: got %s, want %s", i, k, g, w)
			}
		}
		if got.cti != want.cti {
			return fmt.Errorf("tick %d: got CTI %d, want %d", i, got.cti, want.cti)
		}
		if got.snapshot != nil && want.snapshot != nil && !bytes.Equal(got.snapshot, want.snapshot) {
			return fmt.Errorf("tick %d: snapshots of %d and %d bytes differ", i, len(got.snapshot), len(want.snapshot))
		}
	}
	return nil
}

func nth(rows []string, i int) string {
	if i < len(rows) {
		return rows[i]
	}
	return "nothing"
}

// driver runs one vertex in one shape.
type driver struct {
	c       Case
	shape   shape
	v       vertex.Vertex
	out     *vertex.Outbox
	maxRows int
	rng     *rand.Rand
	refuse  bool  // the next push
	refused bool  // since the last call began: the vertex was told to yield
	fault   error // found in push
	rows    []string
	limit   int // of rows in this tick
	outCTI  frame.CTI
	frozen  *frozenImage // of the tick before, in shapes without restore
	want    *run         // what another shape gave, nil in the first
}

// most is how many rows a tick may have: a vertex that starts over at each yield would never end.
func (d *driver) most(tick int) int {
	if d.want == nil {
		return 1 << 20
	}
	return 2*len(d.want.ticks[tick].rows) + 100
}

func execute(c Case, s shape, want *run) (*run, error) {
	d := &driver{c: c, shape: s, want: want, v: c.New(), maxRows: 1 << 20, outCTI: frame.MinCTI}
	d.rng = rand.New(rand.NewPCG(c.Seed, uint64(s.cut)))
	if s.tight {
		d.maxRows = 1
	}
	d.out = vertex.NewOutbox(c.Out, d.maxRows, 1<<30, d.push)
	r := &run{shape: s}
	for i, t := range c.Ticks {
		d.limit = d.most(i)
		res, err := d.tick(t, i == len(c.Ticks)-1)
		if err != nil {
			return nil, fmt.Errorf("tick %d: %w", i, err)
		}
		r.ticks = append(r.ticks, res)
	}
	return r, nil
}

// push takes the rows of the outbox, or refuses to.
func (d *driver) push(rows *batch.Builder) bool {
	if d.shape.tight {
		if d.refuse = !d.refuse; d.refuse {
			d.refused = true
			return false
		}
	}
	d.collect(rows)
	return true
}

func (d *driver) collect(rows *batch.Builder) {
	if err := rows.Check(); err != nil {
		d.fault = fmt.Errorf("the rows in the outbox do not fit together: %w", err)
		return
	}
	b := rows.View()
	for i := range b.N {
		if text := Row(b, i); frame.CTI(b.Vs[i]) < d.outCTI {
			d.fault = fmt.Errorf("row %s comes after the vertex returned the CTI %d", text, d.outCTI)
		} else if b.End(i) <= b.Vs[i] {
			d.fault = fmt.Errorf("row %s ends before it begins", text)
		} else {
			d.rows = append(d.rows, text)
		}
	}
}

// called checks what must hold after every call of the vertex. yielded says that it came back before it was done.
func (d *driver) called(yielded bool) error {
	switch {
	case d.fault != nil:
		return d.fault
	case d.out.Rows.Len() > d.maxRows:
		return fmt.Errorf("%d rows in an outbox with room for %d", d.out.Rows.Len(), d.maxRows)
	case len(d.rows) > d.limit:
		return fmt.Errorf("emits without end: row %d is %s", len(d.rows), d.rows[len(d.rows)-1])
	case yielded && !d.refused:
		return fmt.Errorf("yielded though its outbox never was full")
	}
	return nil
}

func (d *driver) tick(t Tick, last bool) (tickResult, error) {
	d.rows = nil
	for port, rows := range t.Rows {
		if rows == nil {
			continue
		}
		if err := d.feed(port, rows); err != nil {
			return tickResult{}, fmt.Errorf("port %d: %w", port, err)
		}
	}
	cti, err := d.close(t.CTI)
	if err != nil {
		return tickResult{}, fmt.Errorf("close: %w", err)
	}
	res := tickResult{rows: d.rows, cti: cti}
	if d.shape.restore || last {
		if res.snapshot, err = d.snapshot(); err != nil {
			return res, err
		}
	}
	return res, d.freeze(last)
}

// feed executes the rows of a port, cut as the shape wants it.
func (d *driver) feed(port int, rows *batch.Batch) error {
	stalled := 0
	for at := 0; at < rows.N; {
		n := d.next(rows.N - at)
		lent := lend(d.rng, rows, at, at+n)
		before := len(d.rows) + d.out.Rows.Len()
		d.refused = false
		consumed, err := d.v.Execute(port, lent.batch, d.out)
		lent.mangle()
		if err != nil {
			return fmt.Errorf("rows %d to %d: %w", at, at+n, err)
		}
		if consumed < 0 || consumed > n {
			return fmt.Errorf("consumed %d of %d rows", consumed, n)
		}
		if err := d.called(consumed < n); err != nil {
			return fmt.Errorf("rows %d to %d: %w", at, at+n, err)
		}
		if stalled++; consumed > 0 || len(d.rows)+d.out.Rows.Len() > before {
			stalled = 0
		}
		if stalled > 100 {
			return fmt.Errorf("row %d: %d calls without progress", at, stalled)
		}
		at += consumed
	}
	return nil
}

// next is how many of the rows left to offer, 0 at times where cuts are random.
func (d *driver) next(left int) int {
	switch d.shape.cut {
	case rowByRow:
		return 1
	case atRandom:
		return d.rng.IntN(min(left, 1+d.rng.IntN(50)) + 1)
	}
	return left
}

func (d *driver) close(cti frame.CTI) (frame.CTI, error) {
	for stalled := 0; ; stalled++ {
		before := len(d.rows) + d.out.Rows.Len()
		d.refused = false
		outCTI, done, err := d.v.Close(cti, d.out)
		if err == nil {
			err = d.called(!done)
		}
		if err != nil {
			return 0, err
		}
		if done {
			d.collect(d.out.Rows) // a driver that has the time waits for room
			d.out.Rows.Reset()
			if outCTI < d.outCTI {
				return 0, fmt.Errorf("the CTI falls from %d to %d", d.outCTI, outCTI)
			}
			d.outCTI = outCTI
			return outCTI, d.fault
		}
		if len(d.rows)+d.out.Rows.Len() > before {
			stalled = 0
		}
		if stalled > 100 {
			return 0, fmt.Errorf("%d calls without progress", stalled)
		}
	}
}

// snapshot saves the vertex; if the shape wants it, a new instance goes on from there.
func (d *driver) snapshot() ([]byte, error) {
	snapshot, err := snapshotOf(d.v)
	if err != nil || !d.shape.restore {
		return snapshot, err
	}
	d.v = d.c.New()
	r := &reader{b: slices.Clone(snapshot)}
	if err := d.v.Load(r); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if r.err != nil || len(r.b) != 0 {
		return nil, fmt.Errorf("load: %d of %d bytes were not read: %v", len(r.b), len(snapshot), r.err)
	}
	again, err := snapshotOf(d.v)
	if err != nil {
		return nil, fmt.Errorf("after load: %w", err)
	}
	if !bytes.Equal(again, snapshot) {
		return nil, fmt.Errorf("a loaded vertex writes another snapshot: %d bytes, want %d", len(again), len(snapshot))
	}
	return snapshot, d.reimage()
}
