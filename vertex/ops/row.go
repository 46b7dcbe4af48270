package ops

import (
	"errors"
	"fmt"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// ErrConfig wraps every complaint about an operator's configuration.
var ErrConfig = errors.New("operator")

// stateless is the part of a vertex that an operator without state shares with all others: an empty snapshot, and a CTI that passes.
type stateless struct{}

func (stateless) Load(r vertex.SnapshotReader) error { return r.Err() }

func (stateless) GetSnapshot(vertex.SnapshotWriter) error { return nil }

func (stateless) Close(cti frame.CTI, _ *vertex.Outbox) (frame.CTI, bool, error) {
	return cti, true, nil
}

// inParts hands rows to f in parts that fit into out, since a row operator emits at most one row for one. It stops where out is full
// and returns how many rows f took. part is scratch; what it borrows is let go of again.
func inParts(rows, part *batch.Batch, out *vertex.Outbox, f func(part *batch.Batch) error) (consumed int, err error) {
	at := 0
	for at < rows.N {
		room := out.Room()
		if room == 0 {
			break
		}
		n := min(room, rows.N-at)
		rows.SliceInto(part, at, at+n)
		if err := f(part); err != nil {
			return at, err
		}
		at += n
	}
	clear(part.Cols)
	*part = batch.Batch{Cols: part.Cols[:0]}
	return at, nil
}

// stamp is a time in microseconds as it stands in messages.
func stamp(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}

// column finds the named column, or says what there is.
func column(s *batch.Schema, name string) (int, error) {
	i := s.Index(name)
	if i < 0 {
		return i, fmt.Errorf("%w: no column %q in %v", ErrConfig, name, s)
	}
	return i, nil
}
