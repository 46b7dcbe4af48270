package partition

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/shuffle/batch"
)

var testSchema = &batch.Schema{Fields: []batch.Field{
	{Name: "b", Kind: batch.Bool, Nullable: true},
	{Name: "i", Kind: batch.Int64, Nullable: true},
	{Name: "f", Kind: batch.Float64, Nullable: true},
	{Name: "t", Kind: batch.Timestamp},
	{Name: "s", Kind: batch.String, Nullable: true},
	{Name: "y", Kind: batch.Bytes},
}}

type row struct {
	b bool
	i int64
	f float64
	t int64
	s string
	y string
	// null by column
	null [6]bool
}

func build(rows []row) *batch.Batch {
	bld := batch.NewBuilder(testSchema)
	for _, r := range rows {
		bld.AppendTime(0, 0, 1)
		c := bld.Cols
		app := func(i int, f func()) {
			if r.null[i] && c[i].Nullable {
				c[i].AppendNull()
				return
			}
			f()
			c[i].SetValid(true)
		}
		app(0, func() { c[0].AppendBool(r.b) })
		app(1, func() { c[1].AppendInt64(r.i) })
		app(2, func() { c[2].AppendFloat64(r.f) })
		app(3, func() { c[3].AppendInt64(r.t) })
		app(4, func() { c[4].AppendString(r.s) })
		app(5, func() { c[5].AppendString(r.y) })
	}
	return bld.View()
}

// The bytes and hashes below are the format: logs, snapshots and other processes depend on them. They may never change.
func TestGolden(t *testing.T) {
	b := build([]row{
		{b: true, i: 1, f: 1.5, t: 2, s: "ATL", y: ""},
		{i: -1, f: math.Copysign(0, -1), t: math.MinInt64, s: "", y: "\x00\xff"},
		{null: [6]bool{true, true, true, false, true, false}},
		{f: math.Float64frombits(0xfff8000000000001), s: "ünï", i: 7},
	})
	for _, c := range []struct {
		cols []int
		row  int
		key  string
		hash uint64
	}{
		{nil, 0, "", 0},
		{[]int{0}, 0, "0101", 0x52fc4823a13c997a},
		{[]int{1}, 0, "010100000000000000", 0x910a2dec89025cc1},
		{[]int{1}, 1, "01ffffffffffffffff", 0xe4d971771b652c20},
		{[]int{1}, 2, "00", 0xe934a84adb052768},
		{[]int{2}, 0, "01000000000000f83f", 0xd6dab18e1392608a},
		{[]int{2}, 1, "010000000000000000", 0xe220a8397b1dcdaf},
		{[]int{2}, 3, "01000000000000f87f", 0xc72971d82e15bb46},
		{[]int{3}, 1, "010000000000000080", 0x481ec0a212a9f3db},
		{[]int{4}, 0, "010300000041544c", 0x7cbe590ceed8c5d4},
		{[]int{4}, 1, "0100000000", 0xf3e5687af1878726},
		{[]int{4}, 3, "0105000000c3bc6ec3af", 0x6b26570a6b6229df},
		{[]int{4, 1}, 0, "010300000041544c010100000000000000", 0x9b05394e04bf73f9},
		{[]int{0, 1, 2, 3, 4, 5}, 2, "000000010000000000000000000100000000", 0x699b2e15ec4ceee5},
	} {
		key := AppendKey(nil, b, c.cols, c.row)
		var kinds []batch.Kind
		for _, k := range c.cols {
			kinds = append(kinds, testSchema.Fields[k].Kind)
		}
		got := HashRows(b, c.cols, []int32{int32(c.row)}, make([]uint64, 1))[0]
		if hex.EncodeToString(key) != c.key || got != c.hash {
			t.Errorf("columns %v row %d: key %x hash %#016x, want %s %#016x", c.cols, c.row, key, got, c.key, c.hash)
		}
		if h := Hash(key, kinds); h != got {
			t.Errorf("columns %v row %d: Hash %#x, HashRows %#x", c.cols, c.row, h, got)
		}
	}
}

func genRow(t *rapid.T) row {
	r := row{
		b: rapid.Bool().Draw(t, "b"),
		i: rapid.Int64Range(-2, 2).Draw(t, "i"),
		f: rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, math.NaN(), math.Inf(1)}).Draw(t, "f"),
		t: rapid.Int64Range(0, 1).Draw(t, "t"),
		s: rapid.SampledFrom([]string{"", "a", "ab", "b", "\x01\x00"}).Draw(t, "s"),
		y: rapid.SampledFrom([]string{"", "b", "ab"}).Draw(t, "y"),
	}
	for i := range r.null {
		r.null[i] = rapid.IntRange(0, 3).Draw(t, "null") == 0
	}
	return r
}

// same is equality as SQL groups: null with null, NaN with NaN, -0.0 with 0.0.
func same(b *batch.Batch, cols []int, i, j int) bool {
	for _, k := range cols {
		c := &b.Cols[k]
		if c.Null(i) || c.Null(j) {
			if c.Null(i) != c.Null(j) {
				return false
			}
			continue
		}
		eq := false
		switch c.Kind() {
		case batch.Bool:
			eq = c.Bools().Get(i) == c.Bools().Get(j)
		case batch.Float64:
			x, y := c.Float64s()[i], c.Float64s()[j]
			eq = x == y || (x != x && y != y)
		case batch.String, batch.Bytes:
			eq = bytes.Equal(c.Bytes(i), c.Bytes(j))
		default:
			eq = c.Int64s()[i] == c.Int64s()[j]
		}
		if !eq {
			return false
		}
	}
	return true
}

func TestKeysEqualAsValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := build([]row{genRow(t), genRow(t)})
		cols := rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 0, 4, rapid.ID[int]).Draw(t, "cols")
		k0, k1 := AppendKey(nil, b, cols, 0), AppendKey(nil, b, cols, 1)
		want := same(b, cols, 0, 1)
		if got := bytes.Equal(k0, k1); got != want {
			t.Fatalf("columns %v: keys %x, %x equal %v, want %v", cols, k0, k1, got, want)
		}
		h := HashRows(b, cols, nil, make([]uint64, 2))
		if want && h[0] != h[1] {
			t.Fatalf("columns %v: equal keys %x have hashes %#x and %#x", cols, k0, h[0], h[1])
		}
		back := HashRows(b, cols, []int32{1, 0}, make([]uint64, 2))
		if back[0] != h[1] || back[1] != h[0] {
			t.Fatalf("columns %v: rows chosen give %#x, all rows %#x", cols, back, h)
		}
	})
}

func TestKeyValuesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := build([]row{genRow(t)})
		cols := rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 0, 6, rapid.ID[int]).Draw(t, "cols")
		key := AppendKey(nil, b, cols, 0)
		s := &batch.Schema{}
		for _, c := range cols {
			s.Fields = append(s.Fields, testSchema.Fields[c])
		}
		bld := batch.NewBuilder(s)
		bld.AppendTime(0, 0, 1)
		if err := AppendKeyValues(bld.Cols, key); err != nil {
			t.Fatal(err)
		}
		all := make([]int, len(cols))
		for i := range all {
			all[i] = i
		}
		if again := AppendKey(nil, bld.View(), all, 0); !bytes.Equal(again, key) {
			t.Fatalf("key %x came back as %x", key, again)
		}
		for n := range key {
			if err := AppendKeyValues(batch.NewBuilder(s).Cols, key[:n]); err == nil {
				t.Fatalf("key %x cut to %d bytes was taken", key, n)
			}
		}
	})
}

func FuzzAppendKeyValues(f *testing.F) {
	f.Add([]byte{1, 1, 0, 0, 0, 65, 0})
	f.Add([]byte{1, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, key []byte) {
		s := &batch.Schema{Fields: []batch.Field{{Name: "s", Kind: batch.String, Nullable: true}, {Name: "i", Kind: batch.Int64, Nullable: true}}}
		bld := batch.NewBuilder(s)
		bld.AppendTime(0, 0, 1)
		if err := AppendKeyValues(bld.Cols, key); err != nil {
			return
		}
		if again := AppendKey(nil, bld.View(), []int{0, 1}, 0); len(again) != len(key) {
			t.Fatalf("key %x came back as %x", key, again)
		}
	})
}

func TestHasNull(t *testing.T) {
	b := build([]row{{}, {null: [6]bool{1: true}}})
	if HasNull(b, []int{1, 3}, 0) || !HasNull(b, []int{3, 1}, 1) || HasNull(b, []int{3}, 1) || HasNull(b, nil, 1) {
		t.Fatal("null keys are not told from others")
	}
}

func TestKeyGroups(t *testing.T) {
	for tasks, want := range map[int]int{1: 4096, 255: 4096, 256: 4096, 257: 8192, 1000: 16384, 3000: 65536} {
		if got := KeyGroups(tasks); got != want {
			t.Errorf("%d tasks: %d key groups, want %d", tasks, got, want)
		}
	}
}

func TestRoutingCovers(t *testing.T) {
	for _, tasks := range []int{1, 2, 3, 7, 64, 1000, 3000} {
		r, err := NewRouting(KeyGroups(tasks), tasks)
		if err != nil {
			t.Fatal(err)
		}
		next := Group(0)
		for task := range tasks {
			first, end := r.Groups(task)
			if first != next || end <= first {
				t.Fatalf("%d tasks: task %d owns groups %d to %d, want to begin at %d", tasks, task, first, end, next)
			}
			lo, hi := uint64(first)<<r.shift, uint64(end)<<r.shift-1
			if r.Task(lo) != task || r.Task(hi) != task || r.Group(lo) != first {
				t.Fatalf("%d tasks: hashes %#x and %#x go to %d and %d, want %d", tasks, lo, hi, r.Task(lo), r.Task(hi), task)
			}
			next = end
		}
		if int(next) != KeyGroups(tasks) {
			t.Fatalf("%d tasks: groups end at %d, want %d", tasks, next, KeyGroups(tasks))
		}
	}
}

func TestRoutingRefuses(t *testing.T) {
	for _, c := range [][2]int{{4096, 0}, {4096, -1}, {4096, 5000}, {4095, 4}, {1, 1}, {4096, MaxTasks + 1}} {
		if _, err := NewRouting(c[0], c[1]); err == nil {
			t.Errorf("%d groups for %d tasks were taken", c[0], c[1])
		}
	}
}

// Sequential keys must spread: with 64 tasks no task may have more than twice its share.
func TestSpread(t *testing.T) {
	r, err := NewRouting(4096, 64)
	if err != nil {
		t.Fatal(err)
	}
	const n = 64 * 1024
	hashes, tasks := make([]uint64, n), make([]uint32, n)
	for _, stride := range []int64{1, 8, 1000, 1 << 32, 60_000_000} {
		bld := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "k", Kind: batch.Int64}}})
		for i := range int64(n) {
			bld.AppendTime(0, 0, 1)
			bld.Cols[0].AppendInt64(i * stride)
		}
		HashRows(bld.View(), []int{0}, nil, hashes)
		r.Route(hashes, tasks)
		var count [64]int
		for _, task := range tasks {
			count[task]++
		}
		for task, c := range count {
			if c > 2*n/64 {
				t.Errorf("stride %d: task %d gets %d of %d keys", stride, task, c, n)
			}
		}
	}
}

func TestHashRowsAllocatesNothing(t *testing.T) {
	b := build([]row{{s: "ATL"}, {s: "a longer string, beyond what is kept in line"}})
	dst := make([]uint64, 2)
	for _, cols := range [][]int{{1}, {4}, {4, 1, 2}} {
		if n := testing.AllocsPerRun(100, func() { HashRows(b, cols, nil, dst) }); n != 0 {
			t.Errorf("columns %v: %v allocations", cols, n)
		}
	}
}

func BenchmarkHashRows(bm *testing.B) {
	rows := make([]row, 4096)
	for i := range rows {
		rows[i] = row{i: int64(i), s: string([]byte{byte('A' + i%26), byte('A' + i/26%26), byte('A' + i/676)})}
	}
	b := build(rows)
	dst := make([]uint64, b.N)
	for name, cols := range map[string][]int{"int64": {1}, "timestamp": {3}, "string3": {4}, "both": {4, 1}} {
		bm.Run(name, func(bm *testing.B) {
			for bm.Loop() {
				HashRows(b, cols, nil, dst)
			}
			bm.ReportMetric(float64(bm.Elapsed().Nanoseconds())/float64(bm.N*b.N), "ns/row")
		})
	}
}

func TestRouteIntsIsRouteOfHashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tasks := rapid.IntRange(1, 300).Draw(t, "tasks")
		r, err := NewRouting(KeyGroups(tasks), tasks)
		if err != nil {
			t.Fatal(err)
		}
		keys := rapid.SliceOf(rapid.Int64()).Draw(t, "keys")
		b := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "k", Kind: batch.Int64}}})
		for _, k := range keys {
			b.AppendTime(0, 0, 0)
			b.Cols[0].AppendInt64(k)
		}
		want, got := make([]uint32, len(keys)), make([]uint32, len(keys))
		r.Route(HashRows(b.View(), []int{0}, nil, make([]uint64, len(keys))), want)
		r.RouteInts(keys, got)
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}
