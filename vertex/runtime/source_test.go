package runtime

import (
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// TestDeadlines: a source task asks for a step by the clock only where a step would do something.
func TestDeadlines(t *testing.T) {
	const start, now = 1_000_000_000, 1_002_000_000
	ticks := Schedule{Length: 5 * time.Millisecond, StartNs: start}
	paced := func(perSecond float64) pace { return pace{perSecond: perSecond, startNs: start} }
	for name, c := range map[string]struct {
		task sourceTask
		want int64
	}{
		"nothing open":             {sourceTask{schedule: ticks}, 0},
		"ticks by bytes":           {sourceTask{schedule: Schedule{Bytes: 1}, tick: 1}, 0},
		"the tick ends":            {sourceTask{schedule: ticks, tick: 1}, start + 5_000_000},
		"the tick has ended":       {sourceTask{schedule: Schedule{Length: 1, StartNs: start}, tick: 1}, start + 1},
		"its rows find no room":    {sourceTask{schedule: ticks, tick: 1, pending: &batch.Batch{}}, 0},
		"its close finds no room":  {sourceTask{schedule: ticks, tick: 1, closing: true}, 0},
		"it has ended":             {sourceTask{schedule: ticks, tick: 1, cut: frame.MaxTick}, 0},
		"slow rows":                {sourceTask{schedule: ticks, tick: 1, rate: paced(400), rows: 0}, start + 2_500_001},
		"rows after the tick":      {sourceTask{schedule: ticks, tick: 1, rate: paced(10), rows: 0}, start + 5_000_000},
		"fast rows come many":      {sourceTask{schedule: ticks, tick: 1, rate: paced(1e6), rows: 2000}, now + paceNs},
		"rows that are allowed":    {sourceTask{schedule: ticks, tick: 1, rate: paced(1e6), rows: 1}, start + 5_000_000},
		"fast rows, ticks by size": {sourceTask{schedule: Schedule{Bytes: 1}, tick: 1, rate: paced(1e6), rows: 2000}, now + paceNs},
	} {
		if got := c.task.deadline(now); got != c.want {
			t.Errorf("%s: got %d, want %d, %d after the start", name, got, c.want, c.want-start)
		}
	}
}
