package shuffle

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestProgressCountsItsCaches closes, forgets and passes ticks at random, and compares the counters with what they count.
func TestProgressCountsItsCaches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const tasks = 4
		p := newProgress(TaskRange{First: 10, Count: tasks}, Start{})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, tasks-1).Draw(t, "task")
			task := frame.TaskID(10 + i)
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				p.rewind()
			case 1:
				p.withdraw(TaskRange{First: task, Count: 1}, p.closed)
			case 2:
				p.pass(p.closed)
			default:
				first := p.closedBy[i] + 1
				cti := frame.SameCTI
				if rapid.Bool().Draw(t, "moves") {
					cti = max(p.lastCTI[i], 0) + frame.CTI(rapid.IntRange(0, 3).Draw(t, "by"))
				}
				e := frame.CloseEntry{First: task, Last: task, FirstTick: first, LastTick: first + frame.Tick(rapid.IntRange(0, 2).Draw(t, "ticks")), CTI: cti}
				if err := p.close(e); err != nil {
					t.Fatal(err)
				}
			}
			waiting, atMin, least := 0, 0, p.closedBy[0]
			for i, a := range p.ahead {
				waiting += len(a)
				least = min(least, p.closedBy[i])
			}
			for _, c := range p.closedBy {
				if c == p.closed {
					atMin++
				}
			}
			if p.waiting != waiting || p.closed != least || p.atMin != atMin {
				t.Fatalf("got %d changes waiting, tick %d closed, %d tasks at it, want %d, %d, %d", p.waiting, p.closed, p.atMin, waiting, least, atMin)
			}
		}
	})
}
