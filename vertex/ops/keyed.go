package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// roomAhead bounds how many rows are appended before the outbox is asked again, so that it can watch its bytes.
const roomAhead = 1024

// keyer reads keys of rows.
type keyer struct {
	cols  []int
	kinds []batch.Kind
	buf   []byte
}

func makeKeyer(s *batch.Schema, cols []int) keyer {
	k := keyer{cols: cols}
	for _, c := range cols {
		k.kinds = append(k.kinds, s.Fields[c].Kind)
	}
	return k
}

// at returns the hash and the canonical bytes of a row's key; the bytes are valid until the next call.
func (k *keyer) at(b *batch.Batch, row int) (hash uint64, key []byte) {
	k.buf = partition.AppendKey(k.buf[:0], b, k.cols, row)
	return partition.Hash(k.buf, k.kinds), k.buf
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
