package shuffle

import (
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// When rows of a whole node come again, a tick must not close before those of a task that had closed it in the session before.
func TestWithdrawnClosesComeAgain(t *testing.T) {
	p := newProgress(TaskRange{First: 0, Count: 3}, Start{})
	p.keepChanges()
	say := func(task frame.TaskID, first, last frame.Tick, cti frame.CTI) {
		t.Helper()
		if err := p.close(frame.CloseEntry{First: task, Last: task, FirstTick: first, LastTick: last, CTI: cti}); err != nil {
			t.Fatal(err)
		}
	}
	for task := range frame.TaskID(3) {
		say(task, 1, 1, 10)
	}
	say(0, 2, 9, 20) // tasks 0 and 1 are of the node whose session ends
	say(2, 2, 3, 30)
	p.withdraw(TaskRange{First: 0, Count: 2}, 1)
	say(1, 2, 2, 25)
	if p.closed != 1 {
		t.Fatalf("closed %d while the rows of task 0 have not come again, want 1", p.closed)
	}
	say(0, 2, 9, 20)
	if got := p.ctiAt(2); p.closed != 2 || got != 10 {
		t.Fatalf("closed %d with CTI %d, want 2 with 10", p.closed, got)
	}
	p.pass(2)
	if got := [3]frame.CTI(p.passedBy); got != [3]frame.CTI{10, 25, 10} {
		t.Errorf("CTIs %v at tick 2, want 10 (it moves at 9), 25, 10 (it moves at 3)", got)
	}
}
