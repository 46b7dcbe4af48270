package connect

import (
	"encoding/binary"
	"fmt"
)

// outVersion is the first byte of a position of an output. Behind it stand what the output is of, as text behind its length (u32), the bytes that are
// durable or, on standard output, the rows written (u64), and what the format adds.
const outVersion = 1

// place is how far an output has come.
type place struct {
	at  uint64 // bytes of the file; rows on standard output
	own []byte // of the format
}

// outputOf describes the output that a position is of: positions of others are refused.
func outputOf(f *Format, cols *Columns) string {
	of := f.Name + " of "
	for i, c := range cols.Fields {
		if i > 0 {
			of += ", "
		}
		of += c.Name + " " + c.Kind.String()
		if c.Nullable {
			of += " or null"
		}
	}
	return of
}

// Position is the position of the output at a number of bytes (on standard output: rows) with what the format adds to it.
func (o *Output) Position(at uint64, own []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{outVersion}, uint32(len(o.of)))
	b = binary.LittleEndian.AppendUint64(append(b, o.of...), at)
	return append(b, own...)
}

// parseOutPosition reads a position of the output final, which is of what of says.
func parseOutPosition(final, of string, b []byte) (place, error) {
	const head, tail = 1 + 4, 8
	if len(b) < head+tail {
		return place{}, fmt.Errorf("%s: its position has %d bytes, want at least %d", final, len(b), head+tail)
	}
	if b[0] != outVersion {
		return place{}, fmt.Errorf("%s: its position is of version %d, want %d", final, b[0], outVersion)
	}
	n := uint64(binary.LittleEndian.Uint32(b[1:]))
	b = b[head:]
	if n > uint64(len(b)-tail) {
		return place{}, fmt.Errorf("%s: its position is cut off: %d bytes, want at least %d", final, len(b), n+tail)
	}
	if got := string(b[:n]); got != of {
		return place{}, fmt.Errorf("%s: its position is of an output of %s, want %s", final, got, of)
	}
	return place{binary.LittleEndian.Uint64(b[n:]), b[n+tail:]}, nil
}
