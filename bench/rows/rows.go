package rows

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/shuffle/batch"
)

// Bytes is the size of a row.
const Bytes = 32

// Schema is the layout of the rows: Vs, Ve, key, value.
var Schema = &batch.Schema{HasVe: true, Fields: []batch.Field{{Name: "key", Kind: batch.Int64}, {Name: "value", Kind: batch.Int64}}}

// The steps of the progressions: odd, so that a column repeats no value in 2^64 rows.
const (
	keyStep   = 0x9e3779b97f4a7c15
	valueStep = 0xd1b54a32d192ed03
	timeStep  = 1
	lifetime  = 60_000_000 // microseconds
)

// Stream is a sequence of rows of its own; streams differ in their keys and values.
type Stream uint64

func (s Stream) key(row uint64) uint64   { return row*keyStep + uint64(s)<<56 }
func (s Stream) value(row uint64) uint64 { return row*valueStep + uint64(s) }

// Fill makes rows first, first+1, … of a stream in four columns of one length.
func (s Stream) Fill(key, vs, ve, value []int64, first uint64) {
	n := len(vs)
	key, ve, value = key[:n], ve[:n], value[:n]
	k, t, v := s.key(first), first, s.value(first)
	for i := range vs {
		key[i] = int64(k)
		vs[i] = int64(t)
		ve[i] = int64(t + lifetime)
		value[i] = int64(v)
		k += keyStep
		t += timeStep
		v += valueStep
	}
}

// Generate makes the builder hold rows first to first+n of a stream, and nothing else.
func (s Stream) Generate(b *batch.Builder, first uint64, n int) {
	b.Reset()
	s.Append(b, first, n)
}

// Append makes rows first to first+n of a stream behind those that the builder holds.
func (s Stream) Append(b *batch.Builder, first uint64, n int) {
	at := b.Len()
	b.Vs, b.Ve = longer(b.Vs, n), longer(b.Ve, n)
	b.Cols[0].I64, b.Cols[1].I64 = longer(b.Cols[0].I64, n), longer(b.Cols[1].I64, n)
	s.Fill(b.Cols[0].I64[at:], b.Vs[at:], b.Ve[at:], b.Cols[1].I64[at:], first)
}

func longer[T any](v []T, n int) []T { return slices.Grow(v, n)[:len(v)+n] }

// Sums is what a consumer knows of the rows it has read: their number and the sum of each column, modulo 2^64.
type Sums struct {
	Rows, Key, Vs, Ve, Value uint64
}

// Want is the Sums of rows 0 to n of the stream.
func (s Stream) Want(n uint64) Sums {
	pairs := n / 2 * (n - 1) // n(n-1)/2, the even factor halved first
	if n%2 == 1 {
		pairs = (n - 1) / 2 * n
	}
	times := pairs * timeStep
	return Sums{
		Rows: n, Vs: times, Ve: times + n*lifetime,
		Key:   n*s.key(0) + pairs*keyStep,
		Value: n*s.value(0) + pairs*valueStep,
	}
}

// Add reads every column of a batch of Schema.
func (s *Sums) Add(b *batch.Batch) {
	s.AddColumns(b.Cols[0].Int64s(), b.Vs, b.Ve, b.Cols[1].Int64s())
}

// AddColumns reads four columns of one length.
func (s *Sums) AddColumns(key, vs, ve, value []int64) {
	s.Rows += uint64(len(vs))
	s.Key += total(key)
	s.Vs += total(vs)
	s.Ve += total(ve)
	s.Value += total(value)
}

// total sums a column in four strands: one strand would wait for each addition before the next.
func total(v []int64) uint64 {
	var a, b, c, d int64
	for ; len(v) >= 4; v = v[4:] {
		a += v[0]
		b += v[1]
		c += v[2]
		d += v[3]
	}
	for _, x := range v {
		a += x
	}
	return uint64(a + b + c + d)
}

// Plus adds the sums of other rows.
func (s Sums) Plus(t Sums) Sums {
	return Sums{s.Rows + t.Rows, s.Key + t.Key, s.Vs + t.Vs, s.Ve + t.Ve, s.Value + t.Value}
}

// Check compares with the closed form.
func (s Sums) Check(want Sums) error {
	if s != want {
		return fmt.Errorf("the rows that arrived are not those that were made: got sums %+v, want %+v", s, want)
	}
	return nil
}
