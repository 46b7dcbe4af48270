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
			p.block, p.row = h.older, -1
		}
		if n > 0 {
			return b, n
		}
	}
	p.block = 0
	return Block{}, 0
}

// scan visits the rows of b below p.row, until sel is full.
func (p *Probe) scan(b Block, sel []int32) int {
	i, n := p.row, 0
	if i == 0 {
		return 0
	}
	lo, hi := p.vs, p.ve
	vs := b.Vs()[:i]
	if ve := b.Ve(); ve != nil {
		ve = ve[:i]
		for i--; i >= 0 && n < len(sel); i-- {
			if vs[i] < hi && ve[i] > lo {
				sel[n] = int32(i)
				n++
			}
		}
	} else {
		for i--; i >= 0 && n < len(sel); i-- {
			if uint64(vs[i]-lo) < uint64(hi-lo) {
				sel[n] = int32(i)
				n++
			}
		}
	}
	p.row = i + 1
	return n
}
