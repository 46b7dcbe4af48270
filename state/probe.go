package state

// Probe finds the rows of a key that overlap a lifetime, newest first. It can be kept while the Multimap does not change.
type Probe struct {
	m      *Multimap
	block  ref
	row    int // rows of block from here on have been visited; -1: none yet
	side   int
	vs, ve int64
}

// Probe returns the rows on a side of c whose lifetime overlaps [vs, ve).
func (m *Multimap) Probe(c Chains, side int, vs, ve int64) Probe {
	p := Probe{m: m, row: -1, side: side, vs: vs, ve: ve}
	if c.cells != nil && vs < ve {
		p.block = ref(c.cells[side])
	}
	return p
}

// Next finds up to len(sel) more rows that lie in one block and stores them in sel, newest first. 0: there are no more.
func (p *Probe) Next(sel []int32) (Block, int) {
	for p.block != 0 {
		b := Block{&p.m.sides[p.side].RowShape, p.m.keys.at(p.block), p.block}
		h := b.header()
		if p.row < 0 {
			if h.prefixMax <= p.vs {
				break
			}
			p.row = int(h.n)
			if h.maxVe <= p.vs || h.minVs >= p.ve {
				p.row = 0
			}
		}
		n := p.scan(b, sel)
		if p.row == 0 {
			p.block, p.row = p.m.sides[p.side].older(h), -1
		}
		if n > 0 {
			return b, n
		}
	}
	p.block = 0
	return Block{}, 0
}

// scan visits the rows of b below p.row, zone by zone, until sel has no room for another zone.
func (p *Probe) scan(b Block, sel []int32) int {
	if p.row == 0 {
		return 0
	}
	vs, ve, zones := b.Vs()[:p.row], b.Ve(), b.zones()
	n := 0
	for p.row > 0 {
		from := 0
		if zones != nil {
			z := (p.row - 1) / zoneRows
			from = z * zoneRows
			if zones[z].maxVe <= p.vs || zones[z].minVs >= p.ve {
				p.row = from
				continue
			}
		}
		if len(sel)-n < p.row-from {
			if n == 0 {
				n = p.scanSome(b, sel)
			}
			return n
		}
		if ve == nil {
			n += p.scanPoints(vs[from:p.row], int32(from), sel[n:])
		} else {
			n += p.scanAll(vs[from:p.row], ve[from:p.row], int32(from), sel[n:])
		}
		p.row = from
	}
	return n
}

// scanSome is scan for a sel that is smaller than a zone.
func (p *Probe) scanSome(b Block, sel []int32) int {
	i, n := p.row-1, 0
	for vs := b.Vs(); i >= 0 && n < len(sel); i-- {
		if vs[i] < p.ve && b.End(i) > p.vs {
			sel[n] = int32(i)
			n++
		}
	}
	p.row = i + 1
	return n
}

// scanAll finds the rows that overlap among rows from base on, with room in sel for all. It has no branch that depends on a row, since
// none could be foretold.
func (p *Probe) scanAll(vs, ve []int64, base int32, sel []int32) int {
	lo, hi := p.vs, p.ve
	n := 0
	ve = ve[:len(vs)]
	for i := len(vs) - 1; i >= 0; i-- {
		sel[n] = base + int32(i)
		n += one(vs[i] < hi) & one(ve[i] > lo)
	}
	return n
}

func (p *Probe) scanPoints(vs []int64, base int32, sel []int32) int {
	lo, width := p.vs, uint64(p.ve-p.vs)
	n := 0
	for i := len(vs) - 1; i >= 0; i-- {
		sel[n] = base + int32(i)
		n += one(uint64(vs[i]-lo) < width)
	}
	return n
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
