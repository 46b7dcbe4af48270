package parquet

import (
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/generate"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

// Formats with small row groups: by rows, and by bytes.
func init() {
	connect.Register(&connect.Format{Name: "short", NewSink: newSink(limits{rows: 1000, bytes: 1 << 30})})
	connect.Register(&connect.Format{Name: "narrow", NewSink: newSink(limits{rows: 1 << 30, bytes: 20_000})})
}

func everyKind(t testing.TB, rows uint64) *batch.Builder {
	t.Helper()
	s := fields(batch.Field{Name: "b", Kind: batch.Bool, Nullable: true}, batch.Field{Name: "i", Kind: batch.Int64, Nullable: true},
		batch.Field{Name: "f", Kind: batch.Float64}, batch.Field{Name: "t", Kind: batch.Timestamp}, batch.Field{Name: "s", Kind: batch.String, Nullable: true},
		batch.Field{Name: "y", Kind: batch.Bytes}, batch.Field{Name: "c", Kind: batch.Bool})
	src, err := generate.New(generate.Config{Splits: 1, Rows: rows, StepUs: 1000, Schema: s, Distinct: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := connecttest.ReadAll(src, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCrashesAcrossRowGroups(t *testing.T) {
	rows := everyKind(t, 7000)
	dir := t.TempDir()
	for _, format := range []string{"short", "narrow"} {
		for seed := range uint64(12) {
			rng := rand.New(rand.NewPCG(seed, 13))
			some := rows.View().Slice(0, rng.IntN(rows.Len()+1))
			if err := connecttest.Crashes(rng, connect.FileSink{Path: dir + "/out.parquet", Format: format, Schema: rows.Schema}, &some); err != nil {
				t.Errorf("%s, seed %d: %v", format, seed, err)
			}
		}
	}
}
