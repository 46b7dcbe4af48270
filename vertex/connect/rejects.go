package connect

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/streamscope/streamscope/vertex"
)

// rejects deals with the bad rows of one split. reject is called by decoders' goroutines, one at a time if the policy is Divert;
// finish and close by the owner once no decoder runs.
type rejects struct {
	policy            Policy
	skipped, diverted atomic.Uint64
	part              *os.File // only with Divert
	w                 *bufio.Writer
	final             string
}

func (f *Files) rejects(split vertex.Split) (*rejects, error) {
	r := &rejects{policy: f.BadRows, final: f.DivertTo}
	if r.policy != Divert {
		return r, nil
	}
	if err := creatable(f.DivertTo); err != nil {
		return nil, err
	}
	part := divertPart(f.DivertTo, f.Token, split.ID)
	// A split that is opened again diverts all its bad rows again, so an earlier part of the same run gives way.
	if err := os.Remove(part); err != nil && !os.IsNotExist(err) {
		return nil, pathError(f.DivertTo, err)
	}
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, pathError(f.DivertTo, err)
	}
	r.part, r.w = file, bufio.NewWriter(file)
	return r, nil
}

func (r *rejects) reject(bad *RowError, raw []byte) error {
	switch r.policy {
	case Skip:
		r.skipped.Add(1)
	case Divert:
		fmt.Fprintf(r.w, "# %v\n%s\n", bad, raw)
		if err := r.flushed(r.w.Flush()); err != nil {
			return err
		}
		r.diverted.Add(1)
	default:
		return bad
	}
	return nil
}

func (r *rejects) flushed(err error) error {
	if err != nil {
		return writeError(r.final, err)
	}
	return nil
}

func (r *rejects) counters() vertex.SourceCounters {
	return vertex.SourceCounters{Skipped: r.skipped.Load(), Diverted: r.diverted.Load()}
}

// finish makes the part durable: the split was read to its end.
func (r *rejects) finish() error {
	if r.part == nil {
		return nil
	}
	return r.flushed(r.part.Sync())
}

func (r *rejects) close() error {
	if r.part == nil {
		return nil
	}
	return r.part.Close()
}

func divertPart(final, token string, split uint32) string {
	return TempPath(final, fmt.Sprintf("%s-%d", token, split))
}

// CommitDivert makes the divert file of a run from the parts of its splits, in their order, and removes the parts. All readers of the run are
// closed. No part, or only empty ones, make an empty file.
func CommitDivert(final, token string, splits int) error {
	out, err := CreateOutput(final, token)
	if err != nil {
		return err
	}
	for i := range splits {
		if err := out.appendFile(divertPart(final, token, uint32(i))); err != nil {
			out.Remove()
			return err
		}
	}
	if err := out.Close(); err != nil {
		out.Remove()
		return err
	}
	if err := Commit(out.Temp, final); err != nil {
		out.Remove()
		return err
	}
	AbortDivert(final, token, splits)
	return nil
}

// AbortDivert removes what a run's splits have diverted so far.
func AbortDivert(final, token string, splits int) {
	for i := range splits {
		os.Remove(divertPart(final, token, uint32(i)))
	}
}

func (o *Output) appendFile(path string) error {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return pathError(path, err)
	}
	defer f.Close()
	if _, err := io.Copy(o, f); err != nil {
		return err
	}
	return nil
}
