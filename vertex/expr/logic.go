package expr

import "github.com/streamscope/streamscope/shuffle/batch"

// need computes which rows an argument must be looked at: those of mask where skip, a condition that was just computed, is not
// certainly equal to at. any is false if there are none.
func (in *inst) need(which int, mask []uint8, cond *inst, at uint8, n int) (m []uint8, any bool) {
	in.masks[which] = grow(in.masks[which], n)
	m = in.masks[which]
	b := cond.b[:n]
	for i := range m {
		m[i] = b[i] ^ at
	}
	if cond.valid != nil {
		for i, v := range cond.valid[:n] {
			m[i] |= 1 - v
		}
	}
	return m, within(m, mask)
}

// within narrows m to mask (nil: all rows) and reports whether a row remains.
func within(m, mask []uint8) (any bool) {
	or := uint8(0)
	if mask == nil {
		for _, v := range m {
			or |= v
		}
		return or != 0
	}
	mask = mask[:len(m)]
	for i := range m {
		m[i] &= mask[i]
		or |= m[i]
	}
	return or != 0
}

// runAnd does not look at the second argument where the first is false, runOr not where it is true.
func runAnd(in *inst, x *block, mask []uint8) error { return in.shortcut(x, mask, 0) }
func runOr(in *inst, x *block, mask []uint8) error  { return in.shortcut(x, mask, 1) }

// shortcut is AND for decides = 0, OR for decides = 1: the value that decides alone, whatever the other one is.
func (in *inst) shortcut(x *block, mask []uint8, decides uint8) error {
	a, b, n := in.args[0], in.args[1], x.n
	if err := a.eval(x, mask); err != nil {
		return err
	}
	m, any := in.need(0, mask, a, decides, n)
	if !any {
		in.b, in.valid = a.b, a.valid
		return nil
	}
	if err := b.eval(x, m); err != nil {
		return err
	}
	out, av, bv := in.bools(n), a.b[:n], b.b[:n]
	if decides == 0 {
		for i := range out {
			out[i] = av[i] & bv[i]
		}
	} else {
		for i := range out {
			out[i] = av[i] | bv[i]
		}
	}
	in.valid = nil
	if a.valid == nil && b.valid == nil {
		return nil
	}
	in.decided(a, b, decides, n)
	return nil
}

// decided is the validity of AND and OR: both are known, or one decides. (Where one decides, the value is right whatever stands under
// the null of the other.)
func (in *inst) decided(a, b *inst, decides uint8, n int) {
	valid := in.valids(n)
	for i := range valid {
		aKnown, bKnown := known(a, i), known(b, i)
		aDecides := aKnown & (1 ^ decides ^ a.b[i])
		bDecides := bKnown & (1 ^ decides ^ b.b[i])
		valid[i] = aKnown&bKnown | aDecides | bDecides
	}
}

func known(v *inst, i int) uint8 {
	if v.valid == nil {
		return 1
	}
	return v.valid[i]
}

func runNot(in *inst, x *block, mask []uint8) error {
	a := in.args[0]
	if err := a.eval(x, mask); err != nil {
		return err
	}
	out, av := in.bools(x.n), a.b[:x.n]
	for i := range out {
		out[i] = av[i] ^ 1
	}
	in.valid = a.valid
	return nil
}

func runIsNull(in *inst, x *block, mask []uint8) error {
	a := in.args[0]
	if err := a.eval(x, mask); err != nil {
		return err
	}
	out := in.bools(x.n)
	in.valid = nil
	if a.valid == nil {
		clear(out)
		return nil
	}
	for i, v := range a.valid[:x.n] {
		out[i] = 1 - v
	}
	return nil
}

func runIf(in *inst, x *block, mask []uint8) error {
	cond, then, otherwise := in.args[0], in.args[1], in.args[2]
	if err := cond.eval(x, mask); err != nil {
		return err
	}
	otherRows, anyOther := in.need(1, mask, cond, 1, x.n)
	in.masks[0] = grow(in.masks[0], x.n)
	thenRows := in.masks[0]
	for i := range thenRows {
		thenRows[i] = otherRows[i] ^ 1
	}
	anyThen := within(thenRows, mask)
	return in.oneOf(x, then, thenRows, anyThen, otherwise, otherRows, anyOther)
}

// oneOf computes a and b for their rows and merges them; with rows of one only that is the result.
func (in *inst) oneOf(x *block, a *inst, aRows []uint8, anyA bool, b *inst, bRows []uint8, anyB bool) error {
	if anyA || !anyB {
		if err := a.eval(x, aRows); err != nil {
			return err
		}
	}
	if anyB {
		if err := b.eval(x, bRows); err != nil {
			return err
		}
	}
	switch {
	case anyA && anyB:
		in.choose(aRows, a, b)
	case anyB:
		in.vec = b.vec
	default:
		in.vec = a.vec
	}
	return nil
}

// runCoalesce keeps the first argument where it is not null. The second is looked at only elsewhere.
func runCoalesce(in *inst, x *block, mask []uint8) error {
	a, b := in.args[0], in.args[1]
	if err := a.eval(x, mask); err != nil {
		return err
	}
	in.vec = a.vec
	if a.valid == nil {
		return nil
	}
	in.masks[0] = grow(in.masks[0], x.n)
	nulls := in.masks[0]
	for i, v := range a.valid[:x.n] {
		nulls[i] = 1 - v
	}
	if !within(nulls, mask) {
		return nil
	}
	if err := b.eval(x, nulls); err != nil {
		return err
	}
	in.choose(a.valid[:x.n], a, b)
	return nil
}

// choose takes a's value where left is 1, b's elsewhere, and the validity along with it.
func (in *inst) choose(left []uint8, a, b *inst) {
	n := len(left)
	switch in.kind {
	case batch.Bool:
		out := in.bools(n)
		for i := range out {
			out[i] = a.b[i]&left[i] | b.b[i]&(left[i]^1)
		}
	case batch.Float64:
		pick(in.floats(n), left, a.f64[:n], b.f64[:n])
	case batch.String, batch.Bytes:
		in.texts(n)
		for i := range n {
			switch src := pickText(left[i], a, b); {
			case known(src, i) != 0:
				in.putText(src.bytes(i))
			default:
				in.putText(nil)
			}
		}
		in.textsDone()
	default:
		pick(in.ints(n), left, a.i64[:n], b.i64[:n])
	}
	in.valid = nil
	if a.valid == nil && b.valid == nil {
		return
	}
	valid := in.valids(n)
	for i := range valid {
		valid[i] = known(a, i)&left[i] | known(b, i)&(left[i]^1)
	}
}

func pick[T int64 | float64](out []T, left []uint8, a, b []T) {
	left, a, b = left[:len(out)], a[:len(out)], b[:len(out)]
	for i := range out {
		v := b[i]
		if left[i] != 0 {
			v = a[i]
		}
		out[i] = v
	}
}

func pickText(left uint8, a, b *inst) *inst {
	if left != 0 {
		return a
	}
	return b
}
