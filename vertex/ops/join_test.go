package ops

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

func keyedVertices(t *testing.T, s *batch.Schema) map[string]vertex.Vertex {
	j, err := NewJoin(JoinConfig{Left: s, Right: s, LeftKeys: []int{0}, RightKeys: []int{0}}, state.NewHeapPages(0))
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWindow(WindowConfig{Input: s, SizeUs: 10}, state.NewHeapPages(0))
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOrder(OrderConfig{Input: s}, state.NewHeapPages(0))
	if err != nil {
		t.Fatal(err)
	}
	return map[string]vertex.Vertex{"join": j, "window": w, "order": o}
}

// joinOracle is the definition: every pair, then every instant of a left event that no pair holds.
func joinOracle(c *JoinConfig, out *batch.Schema, left, right *batch.Batch) []string {
	b := batch.NewBuilder(out)
	var rows []string
	emit := func(vs, ve int64, l, r int) {
		b.AppendTime(vs, ve, 1)
		for i, col := range c.Columns {
			switch {
			case col.Side == Left:
				b.Cols[i].AppendFrom(&left.Cols[col.Column], l)
			case r < 0:
				b.Cols[i].AppendNull()
			default:
				b.Cols[i].AppendFrom(&right.Cols[col.Column], r)
			}
		}
		rows = append(rows, show(b))
	}
	for l := range left.N {
		matched := map[int64]bool{}
		lk := string(partition.AppendKey(nil, left, c.LeftKeys, l))
		for r := range right.N {
			if partition.HasNull(left, c.LeftKeys, l) || lk != string(partition.AppendKey(nil, right, c.RightKeys, r)) {
				continue
			}
			vs, ve := max(left.Vs[l], right.Vs[r]), min(left.End(l), right.End(r))
			for t := vs; t < ve; t++ {
				matched[t] = true
			}
			if vs < ve {
				emit(vs, ve, l, r)
			}
		}
		if c.Kind == Inner {
			continue
		}
		from, in := int64(0), false
		for t := left.Vs[l]; t <= left.End(l); t++ {
			if open := t < left.End(l) && !matched[t]; open != in {
				if in {
					emit(from, t, l, -1)
				}
				from, in = t, open
			}
		}
	}
	return rows
}

var joinKeys = [][]int{{0}, {1}, {0, 1}, {3}, {4, 0}, {}}

func TestJoinAgainstOracle(t *testing.T) {
	for _, kind := range []JoinKind{Inner, LeftOuter} {
		t.Run([]string{"inner", "left outer"}[kind], func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				keys := rapid.SampledFrom(joinKeys).Draw(t, "keys")
				c := JoinConfig{
					Kind: kind,
					Left: keyedSchema(rapid.Bool().Draw(t, "left lives")), Right: keyedSchema(rapid.Bool().Draw(t, "right lives")),
					LeftKeys: keys, RightKeys: keys,
				}
				for _, col := range rapid.SliceOfNDistinct(rapid.IntRange(0, 17), 0, 12, rapid.ID[int]).Draw(t, "columns") {
					c.Columns = append(c.Columns, JoinColumn{Side: Side(col / 9), Column: col % 9, Name: string(rune('a' + col))})
				}
				out, err := c.Output()
				if err != nil {
					t.Fatal(err)
				}
				in := []*batch.Schema{c.Left, c.Right}
				got, ticks := verify(t, in, out, func(p state.Pages) (vertex.Vertex, error) { return NewJoin(c, p) })
				sameRows(t, got.Rows(), joinOracle(&c, out, all(c.Left, ticks, 0), all(c.Right, ticks, 1)))
				checkPieceTimes(t, &c, got, ticks)
			})
		})
	}
}

// A piece comes out at the first close at or after its end, a pair before the close of the tick that its later row is of; the CTI is held back
// by the earliest piece that has begun and not ended.
func checkPieceTimes(t *rapid.T, c *JoinConfig, got vertextest.Result, ticks []vertextest.Tick) {
	left, right := batch.NewBuilder(c.Left), batch.NewBuilder(c.Right)
	inner := *c
	inner.Kind = Inner
	out, _ := inner.Output()
	emitted := 0
	for i, tick := range ticks {
		left.AppendBatch(tick.Rows[0], 0, tick.Rows[0].N)
		right.AppendBatch(tick.Rows[1], 0, tick.Rows[1].N)
		emitted += len(got.Ticks[i].Rows)
		want, cti := len(joinOracle(&inner, out, left.View(), right.View())), tick.CTI
		if c.Kind == LeftOuter {
			ended, open := pieces(c, left.View(), right.View(), int64(tick.CTI))
			want, cti = want+ended, min(cti, frame.CTI(open))
		}
		if emitted != want || got.Ticks[i].CTI != cti {
			t.Fatalf("after tick %d with CTI %d: %d rows and CTI %d, want %d and %d", i, tick.CTI, emitted, got.Ticks[i].CTI, want, cti)
		}
	}
}

// pieces counts the pieces that end at or before cti and returns the least start of those that go on at it.
func pieces(c *JoinConfig, left, right *batch.Batch, cti int64) (ended int, open int64) {
	open = math.MaxInt64
	for l := range left.N {
		matched := map[int64]bool{}
		lk := string(partition.AppendKey(nil, left, c.LeftKeys, l))
		for r := range right.N {
			if !partition.HasNull(left, c.LeftKeys, l) && lk == string(partition.AppendKey(nil, right, c.RightKeys, r)) {
				for t := right.Vs[r]; t < right.End(r); t++ {
					matched[t] = true
				}
			}
		}
		start := left.Vs[l]
		for t := left.Vs[l]; t < left.End(l); t++ {
			if matched[t] {
				start = t + 1
				continue
			}
			if last := t+1 == left.End(l) || matched[t+1]; last && t+1 <= cti {
				ended++
			}
			if t == cti {
				open = min(open, start)
			}
		}
	}
	return ended, open
}

func TestJoinConfigComplains(t *testing.T) {
	s := keyedSchema(true)
	good := JoinConfig{Left: s, Right: s, LeftKeys: []int{0}, RightKeys: []int{0}, Columns: []JoinColumn{{Left, 2, ""}}}
	if _, err := good.Output(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *JoinConfig){
		"kind":          func(c *JoinConfig) { c.Kind = 9 },
		"key column":    func(c *JoinConfig) { c.LeftKeys = []int{99} },
		"negative key":  func(c *JoinConfig) { c.RightKeys = []int{-1} },
		"key count":     func(c *JoinConfig) { c.LeftKeys = []int{0, 1} },
		"key kinds":     func(c *JoinConfig) { c.LeftKeys = []int{1} },
		"output column": func(c *JoinConfig) { c.Columns = []JoinColumn{{Right, 9, ""}} },
		"output side":   func(c *JoinConfig) { c.Columns = []JoinColumn{{2, 0, ""}} },
		"same name":     func(c *JoinConfig) { c.Columns = []JoinColumn{{Left, 2, ""}, {Right, 2, ""}} },
		"changelog":     func(c *JoinConfig) { c.Left = &batch.Schema{HasDiff: true, Fields: s.Fields} },
	} {
		c := good
		change(&c)
		if _, err := c.Output(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: Output says %v", name, err)
		}
		if _, err := NewJoin(c, state.NewHeapPages(0)); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: NewJoin says %v", name, err)
		}
	}
}

// A join whose events end keeps nothing.
func TestJoinForgets(t *testing.T) {
	for _, kind := range []JoinKind{Inner, LeftOuter} {
		s, pages := keyedSchema(true), state.NewHeapPages(0)
		c := JoinConfig{Kind: kind, Left: s, Right: s, LeftKeys: []int{0}, RightKeys: []int{0}, Columns: []JoinColumn{{Left, 2, "l"}, {Right, 2, "r"}}}
		j, err := NewJoin(c, pages)
		if err != nil {
			t.Fatal(err)
		}
		out, _ := c.Output()
		box := vertex.NewOutbox(out, 1000, 1<<20, func(*batch.Builder) bool { return true })
		for _, tick := range vertextest.Random(3, []*batch.Schema{s, s}, 20, 50, 100) {
			for port, rows := range tick.Rows {
				if n, err := j.Execute(port, rows, box); n != rows.N || err != nil {
					t.Fatalf("took %d of %d rows: %v", n, rows.N, err)
				}
			}
			if _, done, err := j.Close(tick.CTI, box); !done || err != nil {
				t.Fatalf("close: %v, %v", done, err)
			}
		}
		if pages.Used() != 0 {
			t.Errorf("kind %d: %d bytes held after MaxCTI", kind, pages.Used())
		}
	}
}
