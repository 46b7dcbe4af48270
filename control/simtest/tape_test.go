package simtest

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// tapeReader reads rows that cannot be read again: each is eight bytes, its number. What the split has forgotten, because it was said to be kept, is gone.
type tapeReader struct {
	name    string
	rows    *batch.Batch
	kept    *uint64 // rows that the split has forgotten, over all lives
	wake    func()
	at      int // next row to be returned
	to      int // rows before it were given, or read
	taken   int
	ended   bool // and said so
	resumed bool
	view    batch.Batch
}

const tapeRow = 8 // bytes

var _ vertex.TapeReader = (*tapeReader)(nil)

func openTape(name string, rows *batch.Batch, kept *uint64, at vertex.SnapshotReader, wake func()) (*tapeReader, error) {
	r := &tapeReader{name: name, rows: rows, kept: kept, wake: wake}
	if at != nil {
		r.at, r.to, r.ended = int(at.Uint64()), int(at.Uint64()), at.Uint64() > 0
		r.taken = r.to
		return r, at.Err()
	}
	return r, nil
}

func (r *tapeReader) Read(most int) (*batch.Batch, error) {
	switch {
	case r.at < r.to:
	case r.to == r.rows.N && (r.resumed || r.ended):
		return nil, io.EOF
	case !r.resumed:
		return nil, nil
	case uint64(r.to) < *r.kept:
		return nil, fmt.Errorf("%s: row %d is asked for, but those before %d were kept, and forgotten", r.name, r.to, *r.kept)
	default:
		r.to = min(r.rows.N, r.to+1+r.to*7%61)
	}
	n := min(most, r.to-r.at)
	r.rows.SliceInto(&r.view, r.at, r.at+n)
	r.at += n
	return &r.view, nil
}

func (r *tapeReader) Taken() (at uint64, b []byte, end bool) {
	at = uint64(r.taken) * tapeRow
	for ; r.taken < r.to; r.taken++ {
		b = binary.LittleEndian.AppendUint64(b, uint64(r.taken))
	}
	end = r.resumed && r.to == r.rows.N && !r.ended
	r.ended = r.ended || end
	return at, b, end
}

func (r *tapeReader) Give(at uint64, b []byte, end bool) error {
	if at > uint64(r.to)*tapeRow || at%tapeRow > 0 || len(b)%tapeRow > 0 {
		return fmt.Errorf("got %d bytes at %d, want those at %d", len(b), at, r.to*tapeRow)
	}
	for i := 0; i < len(b); i += tapeRow {
		row := int(at)/tapeRow + i/tapeRow
		if got := binary.LittleEndian.Uint64(b[i:]); got != uint64(row) {
			return fmt.Errorf("got row %d in the place of %d", got, row)
		}
		r.to = max(r.to, row+1)
	}
	r.taken, r.ended = r.to, r.ended || end
	r.wake()
	return nil
}

func (r *tapeReader) Resume() {
	r.resumed = true
	r.wake()
}

func (r *tapeReader) Kept(to uint64) { *r.kept = max(*r.kept, to/tapeRow) }

func (r *tapeReader) Position(w vertex.SnapshotWriter) {
	w.Uint64(uint64(r.at))
	w.Uint64(uint64(r.taken))
	ended := uint64(0)
	if r.ended {
		ended = 1
	}
	w.Uint64(ended)
}

func (r *tapeReader) Counters() vertex.SourceCounters { return vertex.SourceCounters{} }
func (r *tapeReader) Close() error                    { return nil }

// gatedTape is a gatedReader of a tape.
type gatedTape struct {
	*gatedReader
	tape vertex.TapeReader
}

func (r gatedTape) Give(at uint64, b []byte, end bool) error { return r.tape.Give(at, b, end) }
func (r gatedTape) Resume()                                  { r.tape.Resume() }
func (r gatedTape) Taken() (at uint64, b []byte, end bool)   { return r.tape.Taken() }
func (r gatedTape) Kept(to uint64)                           { r.tape.Kept(to) }

// drawTapes makes one source in three one that cannot be read again; all of them, if it has to.
func drawTapes(rng *rand.Rand, p *runtime.Plan, all bool) {
	for i := range p.Stages {
		if src, ok := p.Stages[i].Source.(*gatedSource); ok && (rng.IntN(3) == 0 || all) {
			src.kept = make([]uint64, len(src.Rows))
		}
	}
}
