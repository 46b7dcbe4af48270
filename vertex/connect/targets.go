package connect

import "github.com/streamscope/streamscope/shuffle/batch"

// Target is a column that a decoder has to find by name: a field of the schema, the time, or both.
type Target struct {
	Name     string
	Field    int // of the schema, or -1
	Kind     batch.Kind
	Nullable bool
	IsTime   bool // its values become Vs
}

// Targets lists the columns wanted: the fields of the schema and, if it is not among them, the time. A time is never null.
func (w *Wanted) Targets() []Target {
	var targets []Target
	timed := w.Time == ""
	for i, f := range w.Schema.Fields {
		t := Target{Name: f.Name, Field: i, Kind: f.Kind, Nullable: f.Nullable}
		if f.Name == w.Time {
			t.IsTime, t.Nullable, timed = true, false, true
		}
		targets = append(targets, t)
	}
	if !timed {
		targets = append(targets, Target{Name: w.Time, Field: -1, Kind: batch.Timestamp, IsTime: true})
	}
	return targets
}
