package vertextest

import (
	"encoding/binary"
	"fmt"

	"github.com/streamscope/streamscope/vertex"
)

// snapshotOf is what GetSnapshot of a vertex writes; never nil.
func snapshotOf(v vertex.Vertex) ([]byte, error) {
	var w vertex.ImageWriter
	if err := v.GetSnapshot(&w); err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return append([]byte{}, w.Image()...), nil
}

// reader reads what a vertex.ImageWriter wrote; it lends each byte string in the same memory, so that who keeps one is found out.
type reader struct {
	b    []byte
	lent []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("snapshot: "+format, args...)
	}
	r.b = nil
}

func (r *reader) Uint64() uint64 {
	if len(r.b) < 8 {
		r.fail("%d bytes where an integer should be", len(r.b))
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) Bytes() []byte {
	n := r.Uint64()
	if n > uint64(len(r.b)) {
		r.fail("%d bytes where %d should be", len(r.b), n)
		return nil
	}
	for i := range r.lent {
		r.lent[i] = 0xa5
	}
	r.lent = append(r.lent[:0], r.b[:n]...)
	r.b = r.b[n:]
	return r.lent
}

func (r *reader) Err() error { return r.err }
