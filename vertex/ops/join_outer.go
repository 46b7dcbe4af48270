package ops

import (
	"cmp"
	"slices"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// Cells that a left row of an outer join keeps for itself.
const (
	cellOpen   = iota // all pieces before it are settled: covered, or emitted
	cellNext          // the earliest time at which a piece may end
	outerCells = 2
)

// outer finds the pieces of left lifetimes in which nothing matches.
//
// A left row's open end moves through its lifetime: at once over a right row that covers it, else when the CTI reaches the row's next time, where
// the kept right rows that have begun are swept in order. Right rows are kept until then, since next is at most the start of each that lies
// ahead of open.
//
// Invariants: after Close(cti) next > cti for rows that end after cti, and open >= Ve for the others; a block is due at the least next of its
// rows that have not ended; its time in the low index is at most the least open of those with open < Ve.
type outer struct {
	join    *Join
	columns []*keptColumn // by output column; nil: of the right, null
	pieces  []piece       // of the Close under way, in the order of output
	emitted int
	closing bool
	ended   []state.Block // blocks whose rows have all ended
	covers  []span        // scratch
	one     [1]int32
}

type span struct{ vs, ve int64 }

// piece is a part of a left row's lifetime without a match.
type piece struct {
	span
	blk state.Block
	row int32
}

func newOuter(j *Join) *outer {
	o := &outer{join: j}
	for _, c := range j.sides.columns {
		var k *keptColumn
		if c.Side == Left {
			k = j.pairs.kept[Left].find(c.Column)
		}
		o.columns = append(o.columns, k)
	}
	return o
}

// met notes that a row [vs, ve) of a side has met the chosen rows of blk.
func (o *outer) met(side Side, vs, ve int64, blk state.Block, sel []int32) {
	if side == Left {
		c := &o.join.cursor
		for _, r := range sel {
			c.open, c.next = cover(c.open, c.next, blk.Vs()[r], blk.End(int(r)))
		}
		return
	}
	o.join.rows.Change(blk)
	open, next := blk.Cell(cellOpen), blk.Cell(cellNext)
	for _, r := range sel {
		p, n := cover(int64(open[r]), int64(next[r]), vs, ve)
		open[r] = uint64(p)
		if n < int64(next[r]) {
			next[r] = uint64(n)
			if n < o.join.rows.DueAt(int(Left), blk) {
				o.join.rows.SetDue(int(Left), blk, n)
			}
		}
	}
}

// cover lets a right row [vs, ve) cover a left row's lifetime from open on, or puts it down for when it begins.
func cover(open, next, vs, ve int64) (int64, int64) {
	if vs <= open {
		return max(open, ve), next
	}
	return open, min(next, vs)
}

// kept enters a left row just added to blk into the indexes.
func (o *outer) kept(blk state.Block, open, next int64) {
	rows := o.join.rows
	if next < rows.DueAt(int(Left), blk) {
		rows.SetDue(int(Left), blk, next)
	}
	if open < rows.LowAt(int(Left), blk) {
		rows.SetLow(int(Left), blk, open)
	}
}

// close settles what can be at cti and emits the pieces; false: the outbox is full.
func (o *outer) close(cti int64, out *vertex.Outbox) bool {
	if !o.closing {
		o.closing = true
		o.sweep(cti)
		slices.SortFunc(o.pieces, o.compare)
	}
	for o.emitted < len(o.pieces) {
		room := min(out.Room(), roomAhead, len(o.pieces)-o.emitted)
		if room == 0 {
			return false
		}
		for range room {
			o.emit(&o.pieces[o.emitted], out.Rows)
			o.emitted++
		}
	}
	for _, blk := range o.ended {
		o.join.rows.Drop(int(Left), blk, cti)
	}
	o.join.rows.Expire(int(Left), cti)
	o.pieces, o.ended, o.emitted, o.closing = emptied(o.pieces), emptied(o.ended), 0, false
	return true
}

// sweep finds the pieces that end at or before cti.
func (o *outer) sweep(cti int64) {
	rows := o.join.rows
	for {
		blk, ok := rows.TakeDue(int(Left), cti)
		if !ok {
			return
		}
		var chains state.Chains
		due, live := int64(never), false
		for r, next := range blk.Cell(cellNext) {
			if end := blk.End(r); int64(next) <= cti && end > rows.Expired(int(Left)) {
				if !chains.Found() {
					chains = rows.ChainsOf(int(Left), blk)
				}
				next = uint64(o.sweepRow(chains, blk, r, cti))
			}
			if blk.End(r) > cti {
				due, live = min(due, int64(next)), true
			}
		}
		if live {
			rows.PutDue(int(Left), blk, due)
		} else {
			o.ended = append(o.ended, blk)
		}
	}
}

// sweepRow settles a left row up to cti and returns its next time.
func (o *outer) sweepRow(chains state.Chains, blk state.Block, r int, cti int64) int64 {
	cells, end := blk.Cell(cellOpen), blk.End(r)
	open, next := int64(cells[r]), end
	o.covers = o.covers[:0]
	p := o.join.rows.Probe(chains, int(Right), open, end)
	for {
		right, n := p.Next(o.join.sel)
		if n == 0 {
			break
		}
		for _, i := range o.join.sel[:n] {
			if s := (span{right.Vs()[i], right.End(int(i))}); s.vs <= cti {
				o.covers = append(o.covers, s)
			} else {
				next = min(next, s.vs)
			}
		}
	}
	slices.SortFunc(o.covers, func(a, b span) int { return cmp.Compare(a.vs, b.vs) })
	for _, s := range o.covers {
		if s.vs > open {
			o.pieces = append(o.pieces, piece{span{open, s.vs}, blk, int32(r)})
		}
		open = max(open, s.ve)
	}
	if open < end && end <= cti {
		o.pieces = append(o.pieces, piece{span{open, end}, blk, int32(r)})
		open = end
	}
	o.join.rows.Change(blk)
	cells[r], blk.Cell(cellNext)[r] = uint64(open), uint64(next)
	return next
}

func (o *outer) emit(p *piece, dst *batch.Builder) {
	dst.AppendTime(p.vs, p.ve, 1)
	o.one[0] = p.row
	for i, c := range o.columns {
		if c == nil {
			dst.Cols[i].AppendNull()
		} else {
			o.join.pairs.kept[Left].gather(&dst.Cols[i], c, p.blk, o.one[:])
		}
	}
}

// compare orders pieces by what they emit, so that the order does not depend on where rows lie.
func (o *outer) compare(a, b piece) int {
	if c := cmp.Or(cmp.Compare(a.ve, b.ve), cmp.Compare(a.vs, b.vs), cmp.Compare(a.blk.Hash(), b.blk.Hash())); c != 0 {
		return c
	}
	return o.join.pairs.kept[Left].compare(a.blk, a.row, b.blk, b.row)
}

// lowest is the start of the earliest piece that may still come out, or more than cti.
func (o *outer) lowest(cti int64) int64 {
	for {
		blk, low, ok := o.join.rows.Lowest(int(Left))
		if !ok || low >= cti {
			return low
		}
		least := leastOpen(blk)
		if least == low {
			return low
		}
		o.join.rows.SetLow(int(Left), blk, least)
	}
}

func leastOpen(blk state.Block) int64 {
	least := int64(never)
	for r, open := range blk.Cell(cellOpen) {
		if int64(open) < blk.End(r) {
			least = min(least, int64(open))
		}
	}
	return least
}

// index enters all left rows into the indexes, after a restore.
func (o *outer) index() {
	o.join.rows.EachBlock(int(Left), func(blk state.Block) {
		due := int64(never)
		for _, next := range blk.Cell(cellNext) {
			due = min(due, int64(next))
		}
		o.join.rows.SetDue(int(Left), blk, due)
	})
}
