package ops

import (
	"slices"

	"github.com/streamscope/streamscope/state"
)

// runsAhead bounds how many runs are looked up before they are folded, one aggregate after the other.
const runsAhead = 256

// runs are neighbouring rows that go to one group each: those of spans[i] to groups[i].
type runs struct {
	groups []state.Group
	spans  []rowSpan
}

// rowSpan is rows [from, to) of a batch.
type rowSpan struct{ from, to int32 }

func (r *runs) len() int { return len(r.spans) }

func (r *runs) add(cells []uint64, from, to int) {
	r.groups, r.spans = append(r.groups, state.MakeGroup(cells)), append(r.spans, rowSpan{int32(from), int32(to)})
}

// extend makes room for n more runs behind those there are, and returns that.
func (r *runs) extend(n int) runs {
	at := r.len()
	r.groups, r.spans = slices.Grow(r.groups, n)[:at+n], slices.Grow(r.spans, n)[:at+n]
	return runs{r.groups[at:], r.spans[at:]}
}

// truncate leaves the first n runs.
func (r *runs) truncate(n int) {
	clear(r.groups[n:]) // pages may be unmapped: nothing must point there
	r.groups, r.spans = r.groups[:n], r.spans[:n]
}

// countInto adds the number of each run's rows to a cell of its group.
func (r *runs) countInto(cell int) {
	groups := r.groups[:len(r.spans)]
	for i, s := range r.spans {
		*groups[i].Cell(cell) += uint64(s.to - s.from)
	}
}
