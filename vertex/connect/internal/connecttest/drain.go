package connecttest

import (
	"errors"
	"io"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Read reads a split from a position (nil: its beginning) to its end and calls f with each batch, of at most maxRows rows. It returns the final error, nil at the end of
// the split, and the counters.
func Read(src vertex.Source, split vertex.Split, at vertex.SnapshotReader, maxRows int, f func(*batch.Batch)) (vertex.SourceCounters, error) {
	woken := make(chan struct{}, 1)
	r, err := src.Open(split, at, func() { wake(woken) })
	if err != nil {
		return vertex.SourceCounters{}, err
	}
	for {
		b, err := r.Read(maxRows)
		switch {
		case err == io.EOF:
			return r.Counters(), r.Close()
		case err != nil:
			return r.Counters(), errors.Join(err, r.Close())
		case b == nil:
			<-woken
		default:
			f(b)
		}
	}
}

// ReadAll reads all splits of a source, in order, into one builder.
func ReadAll(src vertex.Source, maxRows int) (*batch.Builder, vertex.SourceCounters, error) {
	var total vertex.SourceCounters
	rows := batch.NewBuilder(src.Schema())
	splits, err := src.Splits()
	if err != nil {
		return rows, total, err
	}
	for _, s := range splits {
		n, err := Read(src, s, nil, maxRows, func(b *batch.Batch) { rows.AppendBatch(b, 0, b.N) })
		total.Skipped += n.Skipped
		total.Diverted += n.Diverted
		if err != nil {
			return rows, total, err
		}
	}
	return rows, total, nil
}

// Write opens a sink, writes the rows of b in batches of at most maxRows, and finishes it. After an error the sink is aborted.
func Write(open func(resume []byte, wake func()) (vertex.Sink, error), b *batch.Batch, maxRows int) error {
	woken := make(chan struct{}, 1)
	sink, err := open(nil, func() { wake(woken) })
	if err != nil {
		return err
	}
	err = write(sink, b, maxRows, woken)
	if err != nil {
		sink.Abort()
	}
	return err
}

func write(sink vertex.Sink, b *batch.Batch, maxRows int, woken chan struct{}) error {
	for at := 0; at < b.N; {
		part := b.Slice(at, min(b.N, at+maxRows))
		accepted, err := sink.Write(&part)
		if err != nil {
			return err
		}
		if !accepted {
			<-woken
			continue
		}
		at += part.N
	}
	for {
		done, err := sink.Finish()
		if done || err != nil {
			return err
		}
		<-woken
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
