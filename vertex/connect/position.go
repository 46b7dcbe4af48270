package connect

import (
	"fmt"
	"os"

	"github.com/streamscope/streamscope/vertex"
)

// positionVersion is the first value of a position. The others are, in order, the fields of position.
const positionVersion = 1

// position is a place in a split: rows behind a place at which its decoder can begin.
//
// Invariant: left is a function of lane and place alone, so that it grows again as it grew before.
type position struct {
	size  uint64 // bytes that the file had
	lane  uint64 // the number of lanes: the end of the split
	place Place
	rows  uint64 // returned since place
	left  tally  // out of the split before place
}

func (p *position) write(w vertex.SnapshotWriter) {
	for _, v := range [...]uint64{positionVersion, p.size, p.lane, p.place.Byte, p.place.Line, p.rows, p.left.Skipped, p.left.Diverted, p.left.divertBytes} {
		w.Uint64(v)
	}
}

// parsePosition reads a position.
func parsePosition(path string, r vertex.SnapshotReader) (p position, err error) {
	version := r.Uint64()
	for _, v := range [...]*uint64{&p.size, &p.lane, &p.place.Byte, &p.place.Line, &p.rows, &p.left.Skipped, &p.left.Diverted, &p.left.divertBytes} {
		*v = r.Uint64()
	}
	switch {
	case r.Err() != nil:
		return p, fmt.Errorf("%s: its position cannot be read: %w", path, r.Err())
	case version != positionVersion:
		return p, fmt.Errorf("%s: its position is of version %d, want %d", path, version, positionVersion)
	}
	return p, nil
}

// readPosition reads a position in the file of a split and checks it against the file. What only a decoder knows is checked when it decodes.
func readPosition(path string, r vertex.SnapshotReader) (p position, err error) {
	if p, err = parsePosition(path, r); err != nil {
		return p, err
	}
	if path == Stdin {
		return p, fmt.Errorf("%s: standard input cannot be read again", path)
	}
	st, err := os.Stat(path)
	if err != nil {
		return p, pathError(path, err)
	}
	switch size := uint64(st.Size()); {
	case !st.Mode().IsRegular():
		return p, fmt.Errorf("%s: not a regular file, so it cannot be read again", path)
	case size < p.size:
		return p, fmt.Errorf("%s: has %d bytes, but had %d when it was read: inputs must not change while a job runs", path, size, p.size)
	case p.place.Byte > p.size:
		return p, fmt.Errorf("%s: its position is byte %d of %d", path, p.place.Byte, p.size)
	case p.place.Line > p.place.Byte+1:
		return p, fmt.Errorf("%s: its position is line %d at byte %d", path, p.place.Line, p.place.Byte)
	}
	return p, nil
}
