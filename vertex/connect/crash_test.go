package connect_test

import (
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/vertex/connect"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

func TestSinksSurviveCrashes(t *testing.T) {
	rows := generated(t, 9000)
	dir := t.TempDir()
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		for seed := range uint64(8) {
			rng := rand.New(rand.NewPCG(seed, 12))
			some := rows.View().Slice(0, rng.IntN(rows.Len()+1))
			if err := connecttest.Crashes(rng, connect.FileSink{Path: dir + "/out." + format, Schema: rows.Schema}, &some); err != nil {
				t.Errorf("%s, seed %d: %v", format, seed, err)
			}
		}
	}
}
