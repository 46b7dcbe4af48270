package generate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

var config = Config{
	Schema: &batch.Schema{HasVe: true, Fields: []batch.Field{
		{Name: "b", Kind: batch.Bool}, {Name: "i", Kind: batch.Int64, Nullable: true}, {Name: "f", Kind: batch.Float64},
		{Name: "t", Kind: batch.Timestamp}, {Name: "s", Kind: batch.String, Nullable: true}, {Name: "x", Kind: batch.Bytes},
	}},
	Splits: 2, Rows: 5000, Seed: 7, StartUs: 1000, StepUs: 10, LiveUs: 5, Distinct: 50,
}

func lines(t *testing.T, c Config, split int, offset uint64, maxRows int) []string {
	t.Helper()
	src, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	splits, err := src.Splits()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	if _, err := connecttest.Read(src, splits[split], connecttest.NewPosition(offset), maxRows, func(b *batch.Batch) {
		for i := range b.N {
			out = append(out, fmt.Sprint(b.Vs[i], b.Ve[i], connecttest.Row(b, i)))
		}
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// The rows must never change: measurements and tests of other machines compare against them.
func TestGolden(t *testing.T) {
	rows := lines(t, config, 0, 0, 4096)
	if want := "1010 1015 [false 24 0.7779562998141516 1010 k49 42f413070e17498f]"; rows[1] != want {
		t.Errorf("row 1: got %s, want %s", rows[1], want)
	}
	sum := sha256.Sum256([]byte(strings.Join(rows, "\n")))
	if got, want := hex.EncodeToString(sum[:8]), "bc472d0171d21455"; got != want {
		t.Errorf("sum of all rows: got %s, want %s", got, want)
	}
}

func TestReadSizesAndOffsetsDoNotMatter(t *testing.T) {
	all := lines(t, config, 1, 0, 4096)
	if len(all) != 5000 {
		t.Fatalf("%d rows, want 5000", len(all))
	}
	for _, maxRows := range []int{1, 7, 100_000} {
		for _, offset := range []uint64{0, 1, 4096, 4999, 5000} {
			got := lines(t, config, 1, offset, maxRows)
			want := all[offset:]
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Fatalf("offset %d, reads of %d: rows differ", offset, maxRows)
			}
		}
	}
	src, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	want := "generated 1: its position is behind row 5001, but it has 5000"
	if _, err := src.Open(vertex.Split{Name: "generated 1", ID: 1}, connecttest.NewPosition(5001), nil); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if other := lines(t, config, 0, 0, 4096); strings.Join(other, "\n") == strings.Join(all, "\n") {
		t.Fatal("two splits have the same rows")
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	c := config
	c.Rows = 1 << 40
	src, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	splits, _ := src.Splits()
	r, err := src.Open(splits[0], nil, func() {})
	if err != nil {
		t.Fatal(err)
	}
	read := func() {
		if _, err := r.Read(4096); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		read() // the builder grows to its size
	}
	if n := testing.AllocsPerRun(20, read); n > 0 {
		t.Fatalf("%v allocations for 4096 rows, want none", n)
	}
}

func TestValidate(t *testing.T) {
	_, err := New(Config{Schema: &batch.Schema{HasVe: true, HasDiff: true}, StepUs: -1})
	for _, want := range []string{"diffs", "lifetimes of 0", "0 splits", "a step of -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a complaint about %q", err, want)
		}
	}
}
