package ops

// partNumbers hands out small numbers and takes them back. Which one comes next depends on nothing but the calls before.
type partNumbers struct {
	idle []uint32
	next uint32 // never taken
}

func (p *partNumbers) take() uint32 {
	if n := len(p.idle); n > 0 {
		x := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return x
	}
	p.next++
	return p.next - 1
}

func (p *partNumbers) give(x uint32) { p.idle = append(p.idle, x) }
