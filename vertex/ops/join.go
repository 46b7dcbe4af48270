package ops

import (
	"fmt"
	"math"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// Join is the join of lifetimes. Both sides are kept until their events have ended; an event meets what is kept when it arrives, newest first,
// so pairs come out at once.
//
// Its inputs must come in canonical order: the order of its output is that of its input.
type Join struct {
	ended
	pairs
	sides  *joinSides
	rows   *state.Multimap
	keyers [2]keyer
	outer  *outer    // of a left outer join
	bounds *interval // of an interval join
	cursor cursor
	sel    []int32
}

// cursor is the row whose matches are being emitted; row 0 of the next batch, after the outbox was full.
type cursor struct {
	active bool
	chains state.Chains
	probe  state.Probe
	hash   uint64
	// Of a left event in an outer join: see outer.
	open, next int64
}

// NewJoin returns a join in its initial state.
func NewJoin(cfg JoinConfig, pages state.Pages) (*Join, error) {
	if _, err := cfg.Output(); err != nil {
		return nil, err
	}
	outer := cfg.Kind == LeftOuter
	j, err := newJoin(cfg.sides(), [2]bool{cfg.Left.HasVe, cfg.Right.HasVe}, outer, pages)
	if err == nil && outer {
		j.outer = newOuter(j)
	}
	return j, err
}

// newJoin returns a join that keeps rows with ends where a side lives.
func newJoin(sides *joinSides, lives [2]bool, outer bool, pages state.Pages) (*Join, error) {
	j := &Join{ended: notEnded(), sides: sides, sel: make([]int32, roomAhead)}
	j.layout(j.sides, lives, outer)
	for s := range j.keyers {
		j.keyers[s] = makeKeyer(sides.in[s], sides.keys[s])
	}
	var err error
	if j.rows, err = state.NewMultimap(pages, j.kept[Left].shape, j.kept[Right].shape); err != nil {
		return nil, fmt.Errorf("%w: join: %w", ErrConfig, err)
	}
	return j, nil
}

// Execute implements vertex.Vertex.
func (j *Join) Execute(port int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	side := Side(port)
	if err := j.check("join", rows); err != nil {
		return 0, err
	}
	if j.bounds != nil {
		if err := j.bounds.check(rows); err != nil {
			return 0, err
		}
	}
	room := 0
	for i := range rows.N {
		full, err := j.row(side, rows, i, out, &room)
		if full || err != nil {
			return i, err
		}
	}
	if !j.cursor.active { // or an empty batch came before the rest
		j.cursor = cursor{} // the batch and pages may go: nothing must point there
	}
	clear(j.kept[side].vars)
	return rows.N, nil
}

// row emits the matches of a row and keeps it. room is what the outbox had left; full says that it has none now, and the row is to come again.
func (j *Join) row(side Side, b *batch.Batch, i int, out *vertex.Outbox, room *int) (full bool, err error) {
	vs, ve := b.Vs[i], b.End(i)
	if j.bounds != nil {
		vs, ve = j.bounds.lifetime(side, b.Vs[i])
	}
	c := &j.cursor
	if !c.active {
		if err := j.begin(side, b, i, vs, ve); err != nil {
			return false, err
		}
		if !c.active {
			return false, nil
		}
	}
	for {
		if *room == 0 {
			if *room = min(out.Room(), roomAhead); *room == 0 {
				return true, nil
			}
		}
		blk, n := c.probe.Next(j.sel[:*room])
		if n == 0 {
			break
		}
		*room -= n
		if j.bounds == nil {
			emitTimes(out.Rows, vs, ve, blk, j.sel[:n])
		} else {
			j.bounds.emitTimes(out.Rows, side, b.Vs[i], blk, j.sel[:n])
		}
		j.emitColumns(out.Rows, side, b, i, blk, j.sel[:n])
		if j.outer != nil {
			j.outer.met(side, vs, ve, blk, j.sel[:n])
		}
	}
	c.active = false
	return false, j.keepRow(side, b, i, vs, ve)
}

// begin looks up the key of a row. The cursor stays inactive if the row neither meets nor is kept.
func (j *Join) begin(side Side, b *batch.Batch, i int, vs, ve int64) error {
	k, c := &j.keyers[side], &j.cursor
	null := partition.HasNull(b, k.cols, i)
	if (null && (j.outer == nil || side == Right)) || ve <= vs {
		return nil
	}
	hash, key := k.at(b, i)
	chains, err := j.rows.Put(hash, key)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	c.active, c.chains, c.hash, c.open, c.next = true, chains, hash, vs, ve
	c.probe = j.rows.Probe(c.chains, int(side.other()), vs, ve)
	return nil
}

func (j *Join) keepRow(side Side, b *batch.Batch, i int, vs, ve int64) error {
	cells, vars := j.kept[side].pack(b, i)
	if j.outer != nil && side == Left {
		cells[cellOpen], cells[cellNext] = uint64(j.cursor.open), uint64(j.cursor.next)
	}
	blk, _, err := j.rows.Add(j.cursor.chains, j.cursor.hash, int(side), vs, ve, cells, vars)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if j.outer != nil && side == Left {
		j.outer.kept(blk, j.cursor.open, j.cursor.next)
	}
	return nil
}

// Close implements vertex.Vertex.
func (j *Join) Close(cti frame.CTI, out *vertex.Outbox) (frame.CTI, bool, error) {
	outCTI, right := cti, int64(cti)
	if j.bounds != nil {
		right = j.bounds.rightEnd(cti)
	}
	if j.outer != nil {
		if !j.outer.close(int64(cti), out) {
			return 0, false, nil
		}
		outCTI = min(cti, frame.CTI(j.outer.lowest(int64(cti))))
	} else {
		j.rows.Expire(int(Left), int64(cti))
	}
	j.rows.Expire(int(Right), right)
	j.cti = max(j.cti, cti)
	return outCTI, true, nil
}

// GetSnapshot implements vertex.Vertex.
func (j *Join) GetSnapshot(w vertex.SnapshotWriter) error {
	w.Uint64(uint64(j.cti))
	j.rows.Snapshot(w)
	return nil
}

// Load implements vertex.Vertex.
func (j *Join) Load(r vertex.SnapshotReader) error {
	j.cti = frame.CTI(r.Uint64())
	return j.loaded(r, j.rows.Restore(r))
}

// loaded enters what was loaded into the indexes.
func (j *Join) loaded(r vertex.SnapshotReader, err error) error {
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if j.outer != nil {
		j.outer.index()
	}
	return r.Err()
}

// Image implements vertex.Imager.
func (j *Join) Image(w vertex.SnapshotWriter) ([]state.Part, error) {
	w.Uint64(uint64(j.cti))
	return imageOf(j.rows, 0, w, nil)
}

// LoadImage implements vertex.Imager.
func (j *Join) LoadImage(r vertex.SnapshotReader, parts []state.StoredPart) error {
	j.cti = frame.CTI(r.Uint64())
	im := &storedImage{r: r, parts: parts}
	if err := j.loaded(r, im.load(j.rows, 0)); err != nil {
		return err
	}
	return im.end()
}

// never is the time of what does not come.
const never = math.MaxInt64
