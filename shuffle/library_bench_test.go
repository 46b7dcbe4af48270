package shuffle

import (
	"context"
	"io"
	"testing"
	"time"
)

// benchRow has 32 bytes, as the rows of the benchmark harness.
type benchRow struct {
	Key   int64 `shuffle:"key"`
	Value int64
	Other int64
	At    int64 `shuffle:"time"`
}

const benchBatch = 2048

// Rows from one writer to one reader, who sums a column: a batch at a time.
func BenchmarkBatches(b *testing.B) {
	c, err := newCodecOf[benchRow]()
	if err != nil {
		b.Fatal(err)
	}
	s, err := Open(context.Background(), Config{Schema: c.schema, Keys: c.keys, Partitions: 16})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	sum := make(chan int64, 1)
	go func() {
		n := int64(0)
		for {
			p, err := s.Reader(0).Next(context.Background())
			if err != nil {
				if err != io.EOF {
					b.Error(err)
				}
				break
			}
			if p.Rows != nil {
				for _, v := range p.Rows.Cols[1].Int64s() {
					n += v
				}
			}
		}
		sum <- n
	}()
	rows := NewBuilder(c.schema)
	b.ReportAllocs()
	for n := 0; n < b.N; n += benchBatch {
		rows.Reset()
		for i := range min(benchBatch, b.N-n) {
			rows.Vs = append(rows.Vs, int64(i))
			rows.Cols[0].AppendInt64(int64(n + i))
			rows.Cols[1].AppendInt64(1)
			rows.Cols[2].AppendInt64(2)
		}
		if err := s.Writer(0).Write(context.Background(), rows.View()); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Writer(0).Close(); err != nil {
		b.Fatal(err)
	}
	if n := <-sum; n != int64(b.N) {
		b.Fatalf("sum %d, want %d", n, b.N)
	}
}

// The same rows, as structs.
func BenchmarkStructs(b *testing.B) {
	s, err := OpenOf[benchRow](context.Background(), Config{Partitions: 16, FlushEvery: time.Second})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	sum := make(chan int64, 1)
	go func() {
		n := int64(0)
		r := s.Reader(0)
		for v := range r.All() {
			n += v.Value
		}
		if r.Err() != nil {
			b.Error(r.Err())
		}
		sum <- n
	}()
	w := s.Writer(0)
	b.ReportAllocs()
	for n := range b.N {
		if err := w.Write(benchRow{Key: int64(n), Value: 1, Other: 2, At: int64(n)}); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if n := <-sum; n != int64(b.N) {
		b.Fatalf("sum %d, want %d", n, b.N)
	}
}
