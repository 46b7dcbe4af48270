package runtime

import (
	"errors"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
)

// What others have closed must be in the journals of the sources that lead there, of all their tasks, or lie before the image that the life begins with.
func TestClosedBeyondTheJournal(t *testing.T) {
	p := &Plan{Stages: []Stage{{Name: "in", Tasks: 2}, {Name: "middle", FirstTask: 2, Tasks: 1}, {Name: "out", FirstTask: 3, Tasks: 1}, {Name: "other", FirstTask: 4, Tasks: 1}},
		Edges: []Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 3, To: 2}}}
	record := func(task frame.TaskID, last frame.Tick) journal.Record {
		return journal.Record{Task: task, First: last, Last: last}
	}
	input := record(0, 9)
	input.Input = &journal.Input{}
	for _, c := range []struct {
		name    string
		records []journal.Record
		restore frame.Tick
		edge    frame.EdgeID
		closed  frame.Tick
		bad     bool
	}{
		{"as far", []journal.Record{record(0, 5), record(1, 4), record(1, 5)}, 3, 0, 5, false},
		{"one task is not", []journal.Record{record(0, 5), record(1, 4)}, 3, 0, 5, true},
		{"at a distance", []journal.Record{record(0, 5), record(1, 4)}, 3, 1, 5, true},
		{"of another source", []journal.Record{record(0, 5), record(1, 4)}, 3, 2, 5, false},
		{"trimmed", nil, 3, 0, 3, false},
		{"nothing behind the image", nil, 3, 0, 4, true},
		{"input alone", []journal.Record{record(0, 4), record(1, 9), input}, 3, 0, 5, true},
		{"ended", []journal.Record{record(0, frame.MaxTick), record(1, frame.MaxTick)}, 3, 0, frame.MaxTick, false},
	} {
		var got error
		images := make([]*Image, len(p.Stages))
		images[0] = &Image{Tick: c.restore}
		w := &Worker{cfg: Config{Plan: p, Nodes: 1, Recovery: &Recovery{Images: images}, Fail: func(err error) { got = err }}, stages: make([]stageProgress, len(p.Stages))}
		w.stages[0].journal, w.stages[0].replay = written{}, c.records
		w.met()(c.edge, 0, c.closed)
		if bad := errors.Is(got, journal.ErrDamaged) && strings.HasPrefix(got.Error(), "stage in: "); bad != c.bad || !bad && got != nil {
			t.Errorf("%s: got %v, want an error: %v", c.name, got, c.bad)
		}
	}
}
