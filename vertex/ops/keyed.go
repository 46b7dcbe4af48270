package ops

import (
	"encoding/binary"
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
	words *keyCache // of a key that is one string; nil before the first short one
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
	if len(k.cols) == 1 && k.kinds[0].VarLen() {
		if w := wordAt(&b.Cols[k.cols[0]], row); w.bytes >= 0 {
			return k.atWord(b, row, w)
		}
	}
	k.buf = partition.AppendKey(k.buf[:0], b, k.cols, row)
	return partition.Hash(k.buf, k.kinds), k.buf
}

// atWord is at for a key that is one short string.
func (k *keyer) atWord(b *batch.Batch, row int, w word) (hash uint64, key []byte) {
	if k.words == nil {
		k.words = new(keyCache)
	}
	e := k.words.slot(w)
	if e.n == 0 || e.value != w.value || int(e.bytes) != w.bytes {
		key = partition.AppendKey(e.key[:0], b, k.cols, row)
		e.value, e.bytes, e.hash, e.n = w.value, uint8(w.bytes), partition.Hash(key, k.kinds), uint8(len(key))
	}
	return e.hash, e.key[:e.n]
}

// keyCache remembers the keys of short strings: codes and names come again and again, and to look one up costs a tenth of making its
// key bytes and their hash.
type keyCache [1 << keyCacheBits]keyEntry

const keyCacheBits = 7

// keyEntry is a word with what is computed from it; free while n is 0.
type keyEntry struct {
	value, hash uint64
	bytes       uint8 // of the word
	n           uint8 // bytes of key
	key         [8 + keyLead]byte
}

// keyLead is what canonical key bytes of a string have before its own.
const keyLead = 5

// slot is the one place where a word can stand.
func (c *keyCache) slot(w word) *keyEntry {
	return &c[(w.value^uint64(w.bytes)<<56)*0x9e3779b97f4a7c15>>(64-keyCacheBits)]
}

// word is a string of at most 8 bytes as a number, the first byte least.
type word struct {
	value uint64
	bytes int // -1: a longer string, or null
}

// wordAt returns row i of a string column as a word.
func wordAt(c *batch.Column, i int) word {
	offs, data := c.Var()
	at, n := int(offs[i]), int(offs[i+1]-offs[i])
	switch {
	case n > 8 || c.Null(i):
		return word{bytes: -1}
	case at+8 <= len(data):
		return word{binary.LittleEndian.Uint64(data[at:]) & lowBytes(n), n}
	}
	w := word{bytes: n}
	for j, b := range data[at : at+n] {
		w.value |= uint64(b) << (8 * j)
	}
	return w
}

// lowBytes has the bits of the n low bytes set.
func lowBytes(n int) uint64 { return 1<<(8*n) - 1 }

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
		end = sameStrings(c, i, to)
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

// sameStrings is sameValues for strings. Short ones are compared as numbers, as long as the buffer has eight bytes to read.
func sameStrings(c *batch.Column, i, to int) int {
	offs, data := c.Var()
	first, n, end := int(offs[i]), int(offs[i+1]-offs[i]), i+1
	if n <= 8 && first+8 <= len(data) {
		mask := lowBytes(n)
		want := binary.LittleEndian.Uint64(data[first:]) & mask
		for end < to && int(offs[end+1]-offs[end]) == n {
			at := int(offs[end])
			if at+8 > len(data) || binary.LittleEndian.Uint64(data[at:])&mask != want {
				break
			}
			end++
		}
	}
	for v := data[first : first+n]; end < to && string(data[offs[end]:offs[end+1]]) == string(v); {
		end++
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
