package vertextest

import (
	"fmt"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Case is a vertex and what it is run over.
type Case struct {
	// New returns a new instance in its initial state. It is called many times.
	New func() vertex.Vertex
	// In are the schemas of the inputs, by port; Out is that of the output.
	In  []*batch.Schema
	Out *batch.Schema
	// Ticks are executed in order. CTIs never fall, and no row lies below the CTI of an earlier tick.
	Ticks []Tick
	// Seed chooses the random cuts. It is part of every complaint.
	Seed uint64
}

// Tick is what a vertex gets between two closes.
type Tick struct {
	Rows []*batch.Batch // by port, in canonical order; nil for none
	CTI  frame.CTI      // of the Close that follows
}

// Result is what all shapes agreed on.
type Result struct {
	Ticks []Output
}

// Output is what a vertex emitted in a tick.
type Output struct {
	Rows []string  // as Row shows them
	CTI  frame.CTI // that Close returned
}

// Rows returns the rows of all ticks.
func (r Result) Rows() []string {
	var all []string
	for _, t := range r.Ticks {
		all = append(all, t.Rows...)
	}
	return all
}

// Verify fails the test if the vertex breaks its contract in some shape, else it returns what the vertex emitted.
func Verify(t testing.TB, c Case) Result {
	t.Helper()
	r, err := Check(c)
	if err != nil {
		t.Fatalf("seed %d: %v", c.Seed, err)
	}
	return r
}

// Check is Verify for those who expect a complaint.
func Check(c Case) (Result, error) {
	if err := c.valid(); err != nil {
		return Result{}, fmt.Errorf("the case itself: %w", err)
	}
	// The first shape is the plainest that takes a snapshot after each tick: the measure for all others.
	var want *run
	for _, s := range shapes() {
		got, err := execute(c, s, want)
		if err != nil {
			return Result{}, fmt.Errorf("%v: %w", s, err)
		}
		if want == nil {
			want = got
		}
		if err := want.diff(got); err != nil {
			return Result{}, fmt.Errorf("%v differs from %v: %w", s, want.shape, err)
		}
	}
	if err := loadsNoPieces(c, want.ticks[len(want.ticks)-1].snapshot); err != nil {
		return Result{}, err
	}
	var r Result
	for _, t := range want.ticks {
		r.Ticks = append(r.Ticks, Output{Rows: t.rows, CTI: t.cti})
	}
	return r, nil
}

// valid checks what the contract promises to a vertex.
func (c *Case) valid() error {
	if len(c.Ticks) == 0 {
		return fmt.Errorf("no ticks")
	}
	cti := frame.MinCTI
	for i, t := range c.Ticks {
		if len(t.Rows) > len(c.In) {
			return fmt.Errorf("tick %d has rows for %d ports, there are %d", i, len(t.Rows), len(c.In))
		}
		for port, rows := range t.Rows {
			if rows == nil {
				continue
			}
			if !rows.Schema.Equal(c.In[port]) {
				return fmt.Errorf("tick %d, port %d: rows of %v, want %v", i, port, rows.Schema, c.In[port])
			}
			for k := range rows.N {
				if frame.CTI(rows.Vs[k]) < cti || rows.End(k) <= rows.Vs[k] {
					return fmt.Errorf("tick %d, port %d, row %d: %s with a CTI of %d", i, port, k, Row(rows, k), cti)
				}
			}
		}
		if t.CTI < cti {
			return fmt.Errorf("tick %d: CTI %d after %d", i, t.CTI, cti)
		}
		cti = t.CTI
	}
	return nil
}

// loadsNoPieces checks that a snapshot that was cut off is refused.
func loadsNoPieces(c Case, snapshot []byte) error {
	const cuts = 16
	for i := range min(cuts, len(snapshot)) {
		n := len(snapshot) * i / min(cuts, len(snapshot))
		if err := c.New().Load(&reader{b: snapshot[:n]}); err == nil {
			return fmt.Errorf("a snapshot of %d bytes is loaded without complaint when only the first %d are there", len(snapshot), n)
		}
	}
	return nil
}
