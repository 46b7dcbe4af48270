package connect

import (
	"errors"

	"github.com/streamscope/streamscope/vertex"
)

// tapeReader is the reader of a split that cannot be read again.
type tapeReader struct {
	*reader
	tape *Tape
}

var _ vertex.TapeReader = (*tapeReader)(nil)

// openTape opens standard input where a position says, or at its beginning.
func (s *Source) openTape(split vertex.Split, format *Format, at vertex.SnapshotReader, wake func()) (vertex.SplitReader, error) {
	t := newTape(s.files.Stdin)
	var from position
	if at != nil {
		var err error
		if from, err = parsePosition(split.Name, at); err == nil {
			err = t.load(stdinName, &from, at)
		}
		if err != nil {
			return nil, err
		}
	}
	rejects, err := s.files.rejects(split, at != nil, from.left.divertBytes)
	if err != nil {
		return nil, err
	}
	in := &Input{Name: stdinName, Size: -1, Reader: t, Tape: t}
	r := &tapeReader{openReader(&s.files, format, in, split.Name, rejects, from, wake), t}
	r.behind = t.taken
	return r, nil
}

// Give implements vertex.TapeReader.
func (r *tapeReader) Give(at uint64, b []byte, end bool) error { return r.tape.give(at, b, end) }

// Resume implements vertex.TapeReader.
func (r *tapeReader) Resume() { r.tape.resume() }

// Taken implements vertex.TapeReader.
func (r *tapeReader) Taken() (at uint64, b []byte, end bool) {
	return r.tape.take(r.behind, r.place())
}

// place is the byte behind which rows are still to come.
func (r *tapeReader) place() uint64 {
	if r.pos.lane > 0 {
		return r.behind
	}
	return r.pos.place.Byte
}

// Kept implements vertex.TapeReader.
func (r *tapeReader) Kept(to uint64) { r.tape.kept(to) }

// Position implements vertex.SplitReader.
func (r *tapeReader) Position(w vertex.SnapshotWriter) {
	r.reader.Position(w)
	r.tape.write(w, r.place())
}

// Close implements vertex.SplitReader.
func (r *tapeReader) Close() error {
	return errors.Join(r.tape.close(), r.reader.Close())
}
