package shuffle

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// stage knows how much may be handed to a port at once, so that an open tick stays small, and how large a row may be.
type stage struct {
	schema   *batch.Schema
	bytes    int // of rows handed over at once, about
	rowBytes int // of a row that fits a frame
	fixed    bool
}

func newStage(c *Config) stage {
	s := stage{c.Schema, c.FrameBytes * c.nodes(), c.FrameBytes - frameOverhead(c.Schema) - frame.SubBatchLen, true}
	for _, f := range c.Schema.Fields {
		s.fixed = s.fixed && !f.Kind.VarLen()
	}
	return s
}

// rows is how many rows of b, from the given one on, are to be handed over: at least one.
func (s *stage) rows(b *batch.Batch, from int) int {
	n := min(b.N-from, max(1, s.bytes/s.schema.FixedRowBytes()))
	for n > 1 && s.size(b, from, n) > s.bytes {
		n /= 2
	}
	return n
}

// size is the bytes of n rows.
func (s *stage) size(b *batch.Batch, from, n int) int {
	bytes := n * s.schema.FixedRowBytes()
	for i := range b.Cols {
		if offs, _ := b.Cols[i].Var(); offs != nil {
			bytes += int(offs[from+n] - offs[from])
		}
	}
	return bytes
}

// check finds a row that fits no frame.
func (s *stage) check(b *batch.Batch) error {
	if s.fixed || s.size(b, 0, b.N) <= s.rowBytes {
		return nil
	}
	for i := range b.N {
		if n := s.size(b, i, 1); n > s.rowBytes {
			return fmt.Errorf("shuffle: row %d: %w: %d bytes, want at most %d in a frame of the configured size", i, ErrTooLarge, n, s.rowBytes)
		}
	}
	return nil
}
