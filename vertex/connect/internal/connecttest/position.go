package connecttest

import (
	"encoding/binary"
	"errors"

	"github.com/streamscope/streamscope/vertex"
)

// Position is what a reader wrote as its position, to be read by another: integers as eight bytes, byte strings behind their length.
type Position []byte

// NewPosition returns a position of one integer.
func NewPosition(v uint64) vertex.SnapshotReader {
	var p Position
	p.Uint64(v)
	return p.Reader()
}

// PositionOf returns the position of a reader.
func PositionOf(r vertex.SplitReader) Position {
	var p Position
	r.Position(&p)
	return p
}

// Uint64 implements vertex.SnapshotWriter.
func (p *Position) Uint64(v uint64) { *p = binary.LittleEndian.AppendUint64(*p, v) }

// Bytes implements vertex.SnapshotWriter.
func (p *Position) Bytes(b []byte) {
	p.Uint64(uint64(len(b)))
	*p = append(*p, b...)
}

// Reader reads the position.
func (p Position) Reader() vertex.SnapshotReader { return &positionReader{b: p} }

type positionReader struct {
	b   []byte
	err error
}

func (r *positionReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.b, r.err = nil, errors.New("cut off")
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *positionReader) Uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *positionReader) Bytes() []byte { return r.take(r.Uint64()) }
func (r *positionReader) Err() error    { return r.err }
