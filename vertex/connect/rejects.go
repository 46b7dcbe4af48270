package connect

import (
	"fmt"
	"github.com/streamscope/streamscope/vertex"
	"io"
	"os"
)

// rejects deals with the bad rows of one split. reject and sync are called by decoders' goroutines, one at a time if the policy is Divert;
// close by the owner once no decoder runs.
type rejects struct {
	policy Policy
	part   *Output // only with Divert
	dirty  bool    // part has bytes that may not be durable
	line   []byte
}

// rejects begins the split's part of the divert file, or cuts the one of an earlier life back to keep bytes.
func (f *Files) rejects(split vertex.Split, resumed bool, keep uint64) (*rejects, error) {
	r := &rejects{policy: f.BadRows}
	if r.policy != Divert {
		return r, nil
	}
	token := splitToken(f.Token, split.ID)
	var err error
	if resumed {
		r.part, err = reopenOutput(f.DivertTo, token, keep)
	} else {
		r.part, err = CreateOutput(f.DivertTo, token)
	}
	if err != nil {
		return nil, err
	}
	err = r.part.cut()
	if err == nil {
		err = r.part.Sync() // now the file has its name, whatever happens
	}
	if err != nil {
		r.part.GiveUp()
		return nil, err
	}
	return r, nil
}

func (r *rejects) reject(bad *RowError, raw []byte, left *tally) error {
	switch r.policy {
	case Skip:
		left.Skipped++
	case Divert:
		r.line = fmt.Appendf(r.line[:0], "# %v\n%s\n", bad, raw)
		if _, err := r.part.Write(r.line); err != nil {
			return err
		}
		r.dirty = true
		left.Diverted++
		left.divertBytes += uint64(len(r.line))
	default:
		return bad
	}
	return nil
}

// sync makes durable what was diverted.
func (r *rejects) sync() error {
	if !r.dirty {
		return nil
	}
	r.dirty = false
	return r.part.Sync()
}

func (r *rejects) close() error {
	if r.part == nil {
		return nil
	}
	return r.part.f.Close()
}

// splitToken makes the token of a split's part of the divert file from that of the run.
func splitToken(token string, split uint32) string { return fmt.Sprintf("%s-%d", token, split) }

func divertPart(final, token string, split uint32) string {
	return TempPath(final, splitToken(token, split))
}

// CommitDivert makes the divert file of a run from the parts of its splits, in their order, and removes the parts. All readers of the run are
// closed; each left a part, be it empty. A part that is missing is an error that wraps fs.ErrNotExist: then nothing is made, or all was made before.
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
	if err != nil {
		return fmt.Errorf("%s: a part of it cannot be read: %w", o.Final, err)
	}
	defer f.Close()
	if _, err := io.Copy(o, f); err != nil {
		return err
	}
	return nil
}
