package meta

import (
	"fmt"
	"io"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// inspectWait is how long Inspect waits for a manager to let go of its store.
const inspectWait = 200 * time.Millisecond

// Inspect prints and checks the store in a file, read-only. A store that a manager has open is reported as in use.
func Inspect(path string, w io.Writer) error {
	b, err := ReadBolt(path, inspectWait)
	if err != nil {
		return err
	}
	pairs, err := b.Load()
	if cerr := b.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if len(pairs) == 0 {
		_, err := fmt.Fprintf(w, "%s: empty, no job has begun\n", path)
		return err
	}
	id, rec, err := Decode(pairs)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = io.WriteString(w, describe(id, rec))
	return err
}

// describe is a record as text: one line of what it is, one per node and one per unit with a base.
func describe(id Identity, rec control.Stored) string {
	s := fmt.Sprintf("format %d, job %q, plan %016x, schema %016x, %d stages on %d nodes\nepoch %d, output %v, newest mark %d\n",
		Format, id.Job, id.Plan, id.Schema, id.Stages, id.Nodes, rec.Epoch, rec.Outcome, rec.Mark)
	if id.Settings != "" {
		s += id.Settings + "\n"
	}
	for _, e := range rec.Schedule.Entries {
		if e.LengthNs > 0 {
			s += fmt.Sprintf("ticks from %d on: %v each, since %s\n", e.First, time.Duration(e.LengthNs), time.Unix(0, int64(e.StartNs)).UTC().Format(time.RFC3339Nano))
		} else {
			s += fmt.Sprintf("ticks from %d on: %d bytes of a source each\n", e.First, e.LimitByte)
		}
	}
	for n, inc := range rec.Incarnations {
		s += fmt.Sprintf("node %d: incarnation %d\n", n, inc)
	}
	for stage := range rec.Bases {
		for n, b := range rec.Bases[stage] {
			if b != (control.Base{}) {
				s += fmt.Sprintf("%v: base %d, before it %d", control.Unit{Stage: control.StageID(stage), Node: frame.NodeID(n)}, b.Base, b.Prev)
				if b.Warm > 0 || b.PrevWarm > 0 {
					s += fmt.Sprintf("; executes what comes after %d, or %d, again", b.Ask(), b.PrevAsk())
				}
				s += "\n"
			}
		}
	}
	for stage := range rec.Bases {
		for n := range rec.Bases[stage] {
			u := control.Unit{Stage: control.StageID(stage), Node: frame.NodeID(n)}
			if set := rec.Journals[u]; set.Version > 0 {
				s += fmt.Sprintf("%v: journal %v: %v\n", u, set, set.Members)
			}
			if set := rec.Images[u]; set.Version > 0 {
				s += fmt.Sprintf("%v: images %v: %v\n", u, set, set.Members)
			}
		}
	}
	return s
}
