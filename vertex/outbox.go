package vertex

import "github.com/streamscope/streamscope/shuffle/batch"

// Outbox is where a vertex puts its rows. It is bounded: a vertex asks Room before it appends and yields when that is 0.
//
//	for i := 0; i < rows.N; {
//		room := out.Room()
//		if room == 0 {
//			return i, nil // called again with the rest
//		}
//		... append at most room rows to out.Rows, advance i
//	}
//
// Invariant: Rows.Len() <= maxRows. An Outbox belongs to one goroutine.
type Outbox struct {
	// Rows is the builder to append to, of the vertex's output schema.
	Rows     *batch.Builder
	maxRows  int
	maxBytes int
	push     func(rows *batch.Builder) bool
}

// NewOutbox returns an outbox of the given schema that holds at most maxRows rows and, give or take one append, maxBytes bytes.
// push takes the rows on (the outbox then empties the builder) or returns false to make the vertex yield; it may have consumed a part,
// which it then must remember itself.
func NewOutbox(s *batch.Schema, maxRows, maxBytes int, push func(rows *batch.Builder) bool) *Outbox {
	return ShareOutbox(batch.NewBuilder(s), maxRows, maxBytes, push)
}

// ShareOutbox is NewOutbox over a builder that several outboxes share, of vertices that never have rows in them at the same time.
func ShareOutbox(rows *batch.Builder, maxRows, maxBytes int, push func(rows *batch.Builder) bool) *Outbox {
	return &Outbox{Rows: rows, maxRows: maxRows, maxBytes: maxBytes, push: push}
}

// Room returns how many rows may be appended now, pushing on a full outbox first. 0 means yield: return to the caller at once.
func (o *Outbox) Room() int {
	n := o.Rows.Len()
	if n < o.maxRows && (n == 0 || o.Rows.Bytes() < o.maxBytes) {
		return o.maxRows - n
	}
	if !o.Flush() {
		return 0
	}
	return o.maxRows
}

// Flush pushes on what the outbox holds and reports whether it is empty now. Vertices need not call it: drivers do at the end of a step.
func (o *Outbox) Flush() bool {
	if o.Rows.Len() == 0 {
		return true
	}
	if !o.push(o.Rows) {
		return false
	}
	o.Rows.Reset()
	return true
}
