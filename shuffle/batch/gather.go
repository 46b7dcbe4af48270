package batch

import "slices"

// appendSel appends the values of src that sel names.
func appendSel[T int64 | float64](dst, src []T, sel []int32) []T {
	n := len(dst)
	dst = slices.Grow(dst, len(sel))[:n+len(sel)]
	out := dst[n:]
	for i, r := range sel {
		out[i] = src[r]
	}
	return dst
}

// appendVarSel appends the strings of src that sel names. It measures them first: a check of the capacity per string would cost more.
func appendVarSel(offs []int32, data []byte, src *Column, sel []int32) ([]int32, []byte) {
	n, at := len(offs), len(data)
	offs = slices.Grow(offs, len(sel))[:n+len(sel)]
	out, end := offs[n:], int32(at)
	for i, r := range sel {
		end += src.offs[r+1] - src.offs[r]
		out[i] = end
	}
	data = slices.Grow(data, int(end)-at)[:end]
	for _, r := range sel {
		at += copy(data[at:], src.data[src.offs[r]:src.offs[r+1]])
	}
	return offs, data
}
