package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

const (
	// keysAhead is how many keys are read at once.
	keysAhead = 256
	// roomAhead bounds how many rows are appended before the outbox is asked again, so that it can watch its bytes.
	roomAhead = 1024
)

// keyer reads the keys of the rows of a batch in order, some rows ahead.
type keyer struct {
	cols     []int
	kinds    []batch.Kind
	from, to int // rows of the batch that are there
	hashes   [keysAhead]uint64
	ends     [keysAhead + 1]uint32 // of the keys in buf, after a 0
	buf      []byte
}

func makeKeyer(s *batch.Schema, cols []int) keyer {
	k := keyer{cols: cols}
	for _, c := range cols {
		k.kinds = append(k.kinds, s.Fields[c].Kind)
	}
	return k
}

// start forgets the keys of the last batch.
func (k *keyer) start() { k.from, k.to = 0, 0 }

// at returns the hash and the canonical bytes of a row's key; the bytes are valid until a row beyond those read ahead is asked for.
func (k *keyer) at(b *batch.Batch, row int) (hash uint64, key []byte) {
	if row < k.from || row >= k.to {
		k.read(b, row)
	}
	i := row - k.from
	return k.hashes[i], k.buf[k.ends[i]:k.ends[i+1]]
}

func (k *keyer) read(b *batch.Batch, from int) {
	k.from, k.to, k.buf = from, min(from+keysAhead, b.N), k.buf[:0]
	for i := range k.to - from {
		k.buf = partition.AppendKey(k.buf, b, k.cols, from+i)
		k.ends[i+1] = uint32(len(k.buf))
		k.hashes[i] = partition.Hash(k.buf[k.ends[i]:], k.kinds)
	}
}

// sameKeys returns how far the rows from i on have the key of row i, at most to. It may end early at equal floats, never late.
func sameKeys(b *batch.Batch, cols []int, i, to int) int {
	for _, k := range cols {
		to = sameValues(&b.Cols[k], i, to)
	}
	return to
}

func sameValues(c *batch.Column, i, to int) int {
	end := i + 1
	switch c.Kind() {
	case batch.Bool:
		for m, v := c.Bools(), c.Bools().Get(i); end < to && m.Get(end) == v; {
			end++
		}
	case batch.Float64:
		for f := c.Float64s()[:to]; end < to && f[end] == f[i]; {
			end++
		}
	case batch.String, batch.Bytes:
		offs, data := c.Var()
		for v := data[offs[i]:offs[i+1]]; end < to && string(data[offs[end]:offs[end+1]]) == string(v); {
			end++
		}
	default:
		for v := c.Int64s()[:to]; end < to && v[end] == v[i]; {
			end++
		}
	}
	if c.Nulls() {
		for j := i + 1; j < end; j++ {
			if c.Null(j) != c.Null(i) {
				return j
			}
		}
	}
	return end
}

// ended is the part of a keyed operator that knows how far event time is over.
type ended struct{ cti frame.CTI }

func notEnded() ended { return ended{frame.MinCTI} }

// check refuses rows from from on that lie below the CTI: what they belong to is gone already.
func (e *ended) check(op string, rows *batch.Batch) error {
	for i, vs := range rows.Vs {
		if frame.CTI(vs) < e.cti {
			return fmt.Errorf("%s: row %d has Vs %s, below the CTI %s", op, i, stamp(vs), stamp(int64(e.cti)))
		}
	}
	return nil
}

// keyColumns checks key columns and returns their fields.
func keyColumns(op string, s *batch.Schema, keys []int) ([]batch.Field, error) {
	var fields []batch.Field
	for _, k := range keys {
		if k < 0 || k >= len(s.Fields) {
			return nil, fmt.Errorf("%w: %s: key column %d of %v", ErrConfig, op, k, s)
		}
		fields = append(fields, s.Fields[k])
	}
	return fields, nil
}

// appendOnly refuses changelogs.
func appendOnly(op string, s *batch.Schema) error {
	if s.HasDiff {
		return fmt.Errorf("%w: %s: input %v is a changelog", ErrConfig, op, s)
	}
	return nil
}
