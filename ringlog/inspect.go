package ringlog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/vfs"
)

// Inspect prints and checks a segment file, or all of a directory, read-only; also while another process writes to them, whose open
// claim then shows as the end of the log. The error wraps ErrCorrupt if anything is damaged; everything else is printed all the same.
func Inspect(path string, w io.Writer) error {
	names := []string{path}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		if names, err = filepath.Glob(filepath.Join(path, "*"+segmentSuffix)); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s: %d segment files\n", path, len(names))
	}
	slices.Sort(names)
	var errs []error
	for _, name := range names {
		if err := inspectFile(name, w); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func inspectFile(name string, w io.Writer) error {
	b, err := readSegmentFile(name)
	if err != nil {
		return err
	}
	var chains []chainRange
	types := map[frame.Type]int{}
	s, err := ScanSegment(b, func(_ int, h frame.Header) {
		types[h.Type]++
		i := slices.IndexFunc(chains, func(c chainRange) bool { return c.chain == h.Chain() })
		if i < 0 {
			i = len(chains)
			chains = append(chains, chainRange{chain: h.Chain(), min: h.Tick, max: h.Tick})
		}
		c := &chains[i]
		c.min, c.max, c.frames = min(c.min, h.Tick), max(c.max, h.Tick), c.frames+1
	})
	base := filepath.Base(name)
	if errors.Is(err, errFree) {
		fmt.Fprintf(w, "%s: free\n", base)
		return nil
	}
	fmt.Fprintf(w, "%s: %v incarnation %d relay %v, segment %d of %d bytes at position %d\n", base,
		s.Header.Identity, s.Header.Incarnation, s.Header.Relay, s.Header.Number, s.Header.Bytes, uint64(s.Header.Number)*uint64(s.Header.Bytes))
	fmt.Fprintf(w, "  checkpoint %d: committed %d, trimmed %d\n", s.Checkpoint.Sequence, s.Checkpoint.Committed, s.Checkpoint.Trimmed)
	fmt.Fprintf(w, "  %d frames up to offset %d, sealed %v\n", s.Frames, s.End, s.Sealed)
	if s.Stopped != nil {
		fmt.Fprintf(w, "  ends: %v\n", s.Stopped)
	}
	for t := frame.Data; t <= frame.End; t++ {
		if types[t] > 0 {
			fmt.Fprintf(w, "  %v: %d\n", t, types[t])
		}
	}
	for _, c := range chains {
		fmt.Fprintf(w, "  %v: %d frames, ticks %d to %d\n", c.chain, c.frames, c.min, c.max)
	}
	if err == nil && errors.Is(s.Stopped, frame.ErrCorrupt) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, s.Stopped)
	}
	if err != nil {
		fmt.Fprintf(w, "  damaged: %v\n", err)
	}
	return err
}

// readSegmentFile reads a file that is no larger than a segment can be.
func readSegmentFile(name string) ([]byte, error) {
	f, err := vfs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > MaxSegmentBytes {
		return nil, fmt.Errorf("%w: a file of %d bytes is no segment", ErrCorrupt, info.Size())
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	return b, nil
}
