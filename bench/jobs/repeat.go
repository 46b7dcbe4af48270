package jobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/connect"

	_ "github.com/streamscope/streamscope/vertex/connect/parquet" // the format
)

// flightColumns are the columns of the file, as the job reads them.
var flightColumns = &batch.Schema{Fields: []batch.Field{
	{Name: "date", Kind: batch.Timestamp}, {Name: "delay", Kind: batch.Int64}, {Name: "distance", Kind: batch.Int64},
	{Name: "origin", Kind: batch.String}, {Name: "destination", Kind: batch.String},
}}

// Repeat writes the flights of a Parquet file n times into another, each time shifted further by shift, and returns the rows written. The
// dates of the result ascend if those of the input do and span less than shift.
func Repeat(ctx context.Context, from, to string, n int, shift time.Duration) (rows uint64, err error) {
	files := connect.Files{Paths: []string{from}, Format: "parquet", Schema: flightColumns, Time: "date"}
	source, err := connect.NewSource(files)
	if err != nil {
		return 0, err
	}
	wakes := make(chan struct{}, 1)
	wake := func() {
		select {
		case wakes <- struct{}{}:
		default:
		}
	}
	wait := func() error {
		select {
		case <-wakes:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	out := connect.FileSink{Path: to, Format: "parquet", Schema: flightColumns, Token: connect.NewToken()}
	sink, err := out.Open(nil, wake)
	if err != nil {
		return 0, err
	}
	for i := range n {
		var k uint64
		if k, err = copyShifted(source, sink, time.Duration(i)*shift, wake, wait); err != nil {
			break
		}
		rows += k
	}
	for done := false; err == nil && !done; {
		if done, err = sink.Finish(); err == nil && !done {
			err = wait()
		}
	}
	if err != nil {
		sink.Abort()
		return 0, fmt.Errorf("making %s: %w", to, err)
	}
	return rows, connect.Commit(connect.TempPath(to, out.Token), to)
}

// writer takes rows, as vertex.Sink does.
type writer interface {
	Write(b *batch.Batch) (accepted bool, err error)
}

// copyShifted reads a source once and writes its rows with later dates.
func copyShifted(source vertex.Source, sink writer, by time.Duration, wake func(), wait func() error) (rows uint64, err error) {
	splits, err := source.Splits()
	if err != nil {
		return 0, err
	}
	for _, split := range splits {
		r, err := source.Open(split, nil, wake)
		if err != nil {
			return rows, err
		}
		n, err := shiftSplit(r, sink, by, wait)
		if err = errors.Join(err, r.Close()); err != nil {
			return rows, err
		}
		rows += n
	}
	return rows, nil
}

func shiftSplit(r vertex.SplitReader, sink writer, by time.Duration, wait func() error) (rows uint64, err error) {
	shifted := batch.NewBuilder(flightColumns)
	for {
		b, err := r.Read(8192)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		if b == nil {
			if err := wait(); err != nil {
				return rows, err
			}
			continue
		}
		shifted.Reset()
		shifted.AppendBatch(b, 0, b.N)
		for i := range shifted.Cols[0].I64 {
			shifted.Cols[0].I64[i] += by.Microseconds()
		}
		for accepted := false; !accepted; {
			if accepted, err = sink.Write(shifted.View()); err != nil {
				return rows, err
			}
			if !accepted {
				if err := wait(); err != nil {
					return rows, err
				}
			}
		}
		rows += uint64(b.N)
	}
}
