package vertextest

import (
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

var canarySchema = &batch.Schema{Fields: []batch.Field{
	{Name: "v", Kind: batch.Int64}, {Name: "name", Kind: batch.String, Nullable: true},
}}

// flaw is a way to break the contract; the zero flaw is none.
type flaw string

// canary passes each row on at once and repeats the rows of the tick with a running sum at its close: correct, but for its flaw.
type canary struct {
	flaw  flaw
	sum   int64
	vs    []int64 // of the tick
	vals  []int64
	done  int // of them, emitted by Close
	calls uint64
	label []byte
	kept  *batch.Batch
	cti   frame.CTI
}

func (c *canary) Load(r vertex.SnapshotReader) error {
	c.sum = int64(r.Uint64())
	if label := r.Bytes(); c.flaw == "keeps what the reader lent" {
		c.label = label
	} else {
		c.label = append([]byte(nil), label...)
	}
	if c.flaw != "does not read all" {
		r.Bytes()
	}
	c.cti = frame.CTI(r.Uint64())
	if c.flaw == "loads pieces" {
		return nil
	}
	return r.Err()
}

func (c *canary) GetSnapshot(w vertex.SnapshotWriter) error {
	if c.flaw == "forgets state" {
		w.Uint64(0)
	} else {
		w.Uint64(uint64(c.sum))
	}
	w.Bytes(c.label)
	w.Bytes([]byte("another"))
	if c.flaw == "saves what is no state" {
		w.Uint64(c.calls)
	} else {
		w.Uint64(uint64(c.cti))
	}
	return nil
}

func (c *canary) emit(out *vertex.Outbox, vs, v int64, name []byte) {
	out.Rows.AppendTime(vs, vs+1, 1)
	out.Rows.Cols[0].AppendInt64(v)
	out.Rows.Cols[1].AppendBytes(name)
	if c.flaw != "leaves columns ragged" {
		out.Rows.Cols[1].SetValid(v%2 == 0)
	}
}

func (c *canary) Execute(_ int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	c.calls++
	c.label = append(c.label[:0], "label"...)
	if c.flaw == "keeps the batch" {
		c.kept = rows
	}
	if c.flaw == "depends on the cut" && rows.N > 0 {
		c.sum++
	}
	for i := range rows.N {
		if out.Room() == 0 && c.flaw != "overfills" {
			return i, nil
		}
		switch {
		case c.flaw == "stands still":
			return i, nil
		case c.flaw == "yields without need" && i == 2:
			return i, nil
		case c.flaw == "counts what it did not take" && i == 2:
			return rows.N + 1, nil
		}
		c.vs, c.vals = append(c.vs, rows.Vs[i]), append(c.vals, rows.Cols[0].Int64s()[i])
		if c.flaw == "keeps the column" {
			c.vs, c.vals = rows.Vs[:i+1], rows.Cols[0].Int64s()[:i+1]
		}
		c.emit(out, rows.Vs[i], rows.Cols[0].Int64s()[i], rows.Cols[1].Bytes(i))
	}
	return rows.N, nil
}

func (c *canary) Close(cti frame.CTI, out *vertex.Outbox) (frame.CTI, bool, error) {
	if c.flaw == "starts over after a yield" {
		c.done = 0
	}
	if c.kept != nil && c.kept.N == 0 {
		c.sum++
	}
	for ; c.done < len(c.vals); c.done++ {
		if out.Room() == 0 {
			return 0, false, nil
		}
		c.sum += c.vals[c.done]
		c.emit(out, c.vs[c.done], c.sum, nil)
	}
	if c.flaw == "emits below its CTI" && out.Room() > 0 && c.cti > 0 {
		c.emit(out, int64(c.cti)-1, 0, nil)
	}
	c.vs, c.vals, c.done, c.kept = nil, nil, 0, nil
	c.cti = cti
	switch {
	case c.flaw == "takes its CTI back" && cti == frame.MaxCTI:
		return 0, true, nil
	case c.flaw == "yields a close without need" && c.calls%2 == 0:
		c.calls++
		return 0, false, nil
	}
	return cti, true, nil
}

func canaryCase(f flaw) Case {
	in := []*batch.Schema{canarySchema}
	return Case{
		New:   func() vertex.Vertex { return &canary{flaw: f} },
		In:    in,
		Out:   canarySchema,
		Ticks: Random(7, in, 6, 20, 1000),
		Seed:  7,
	}
}

func TestAGoodVertexPasses(t *testing.T) {
	c := canaryCase("")
	got := Verify(t, c)
	n := 0
	for _, tick := range c.Ticks {
		n += 2 * tick.Rows[0].N
	}
	if n == 0 || len(got.Rows()) != n {
		t.Fatalf("%d rows out, want %d", len(got.Rows()), n)
	}
}

func TestEveryFlawIsFound(t *testing.T) {
	for f, complaint := range map[flaw]string{
		"keeps what the reader lent":  "another snapshot",
		"does not read all":           "were not read",
		"loads pieces":                "without complaint",
		"forgets state":               "output row",
		"saves what is no state":      "another snapshot",
		"leaves columns ragged":       "do not fit together",
		"keeps the batch":             "output row",
		"keeps the column":            "after the vertex returned the CTI",
		"depends on the cut":          "output row",
		"overfills":                   "in an outbox with room for 1",
		"stands still":                "yielded though",
		"yields without need":         "yielded though",
		"yields a close without need": "yielded though",
		"counts what it did not take": "consumed",
		"starts over after a yield":   "without end",
		"emits below its CTI":         "after the vertex returned the CTI",
		"takes its CTI back":          "the CTI falls",
	} {
		_, err := Check(canaryCase(f))
		if err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: got %v, want a complaint with %q", f, err, complaint)
		}
	}
}

func TestACaseIsCheckedItself(t *testing.T) {
	late := canaryCase("")
	late.Ticks = []Tick{{CTI: 10}, {Rows: []*batch.Batch{Rows(canarySchema, []any{3, 1, nil})}, CTI: 20}}
	falling := canaryCase("")
	falling.Ticks = []Tick{{CTI: 10}, {CTI: 9}}
	none := canaryCase("")
	none.Ticks = nil
	for name, c := range map[string]Case{"late row": late, "falling CTI": falling, "no ticks": none} {
		if _, err := Check(c); err == nil || !strings.Contains(err.Error(), "the case itself") {
			t.Errorf("%s: got %v, want a complaint about the case", name, err)
		}
	}
}
