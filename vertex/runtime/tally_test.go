package runtime

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// tally is a hold that counts the rows it took, once in all and once by value in frozen pages: images of which the two differ are found out.
type tally struct {
	hold
	n    uint64
	seen *state.Table
}

var _ vertex.Imager = (*tally)(nil)

func newTally(env Env) (vertex.Vertex, error) {
	seen, err := state.NewTable(env.Pages, 1)
	return &tally{hold: hold{rows: batch.NewBuilder(rowSchema), seen: frame.MinCTI}, seen: seen}, err
}

func (c *tally) Execute(port int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	n, err := c.hold.Execute(port, rows, out)
	for i := range n {
		key := binary.LittleEndian.AppendUint64(nil, uint64(rows.Cols[1].Int64s()[i]))
		cells, _, err := c.seen.Put(xxhash.Sum64(key), key)
		if err != nil {
			return i, err
		}
		cells[0]++
		c.n++
	}
	return n, err
}

func (c *tally) Close(cti frame.CTI, out *vertex.Outbox) (frame.CTI, bool, error) {
	if err := c.check(); err != nil && cti == frame.MaxCTI {
		return 0, false, err
	}
	return c.hold.Close(cti, out)
}

func (c *tally) check() error {
	n := uint64(0)
	for _, e := range c.seen.AppendByKey(nil) {
		n += c.seen.Cells(e)[0]
	}
	if n != c.n {
		return fmt.Errorf("%d rows in pages, want %d", n, c.n)
	}
	return nil
}

func (c *tally) Image(w vertex.SnapshotWriter) ([]state.Part, error) {
	w.Uint64(c.n)
	if err := c.hold.GetSnapshot(w); err != nil {
		return nil, err
	}
	f, err := c.seen.Freeze()
	if err != nil {
		return nil, err
	}
	return []state.Part{{ID: 1<<32 - 1, Frozen: f}}, nil
}

func (c *tally) LoadImage(r vertex.SnapshotReader, parts []state.StoredPart) error {
	c.n = r.Uint64()
	if err := c.hold.Load(r); err != nil {
		return err
	}
	if len(parts) != 1 || parts[0].ID != 1<<32-1 {
		return fmt.Errorf("parts %v, want one", parts)
	}
	if err := c.seen.ThawPages(parts[0].Head, parts[0].Read); err != nil {
		return err
	}
	return c.check()
}
