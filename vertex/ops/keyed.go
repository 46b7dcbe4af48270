package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

const (
	// hashAhead is how many rows are hashed at once.
	hashAhead = 256
	// roomAhead bounds how many rows are appended before the outbox is asked again, so that it can watch its bytes.
	roomAhead = 1024
)

// keyer reads the keys of the rows of a batch in order.
type keyer struct {
	cols     []int
	hashes   [hashAhead]uint64
	rows     [hashAhead]int32
	from, to int // rows of the batch whose hashes are there
	buf      []byte
}

// start forgets the hashes of the last batch.
func (k *keyer) start() { k.from, k.to = 0, 0 }

// hash returns the hash of a row's key.
func (k *keyer) hash(b *batch.Batch, row int) uint64 {
	if row < k.from || row >= k.to {
		k.from, k.to = row, min(row+hashAhead, b.N)
		for i := range k.to - k.from {
			k.rows[i] = int32(k.from + i)
		}
		partition.HashRows(b, k.cols, k.rows[:k.to-k.from], k.hashes[:])
	}
	return k.hashes[row-k.from]
}

// key returns the canonical bytes of a row's key, valid until the next call.
func (k *keyer) key(b *batch.Batch, row int) []byte {
	k.buf = partition.AppendKey(k.buf[:0], b, k.cols, row)
	return k.buf
}

// sameKey compares the keys of two rows. It may say no to equal ones (of floats), never yes to others.
func sameKey(b *batch.Batch, cols []int, i, j int) bool {
	for _, k := range cols {
		c := &b.Cols[k]
		if c.Nulls() && (c.Null(i) || c.Null(j)) {
			if c.Null(i) != c.Null(j) {
				return false
			}
			continue
		}
		same := false
		switch c.Kind() {
		case batch.Bool:
			same = c.Bools().Get(i) == c.Bools().Get(j)
		case batch.Float64:
			same = c.Float64s()[i] == c.Float64s()[j]
		case batch.String, batch.Bytes:
			same = string(c.Bytes(i)) == string(c.Bytes(j))
		default:
			same = c.Int64s()[i] == c.Int64s()[j]
		}
		if !same {
			return false
		}
	}
	return true
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
