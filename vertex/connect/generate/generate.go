// Package generate is a source whose rows are computed from a seed: every run, machine and release yields the same ones.
//
// A value is a function of (seed, split, row, column) alone, so that a split can be read from any offset at once.
//
// # Format
//
// Vs of row r is Start + r x Step. Integers lie in [0, Distinct), numbers in [0, 1), times are Vs, text is "k" and an integer of [0, Distinct), bytes are eight
// bytes of the hash. In nullable columns one row in sixteen is null.
//
// # Concurrency
//
// Rows are made in Read, by its caller; there are no goroutines.
package generate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// Config describes the rows. It is plain data; New makes the source.
type Config struct {
	Schema   *batch.Schema // without diffs
	Splits   int
	Rows     uint64 // per split
	Seed     uint64
	StartUs  int64  // Vs of the first row
	StepUs   int64  // from row to row, not negative
	LiveUs   int64  // Ve - Vs where the schema has Ve; at least 1
	Distinct uint64 // values of integers and text; 0: 1,000
}

// Validate reports all that is wrong.
func (c *Config) Validate() error {
	var errs []error
	if c.Schema == nil {
		errs = append(errs, errors.New("generate: no schema is given"))
	} else {
		if err := c.Schema.Valid(); err != nil {
			errs = append(errs, err)
		}
		if c.Schema.HasDiff {
			errs = append(errs, fmt.Errorf("generate: schema %v has diffs", c.Schema))
		}
		if c.Schema.HasVe && c.LiveUs < 1 {
			errs = append(errs, fmt.Errorf("generate: lifetimes of %d µs, want at least 1", c.LiveUs))
		}
	}
	if c.Splits < 1 {
		errs = append(errs, fmt.Errorf("generate: %d splits, want at least 1", c.Splits))
	}
	if c.StepUs < 0 {
		errs = append(errs, fmt.Errorf("generate: a step of %d µs, want none below 0", c.StepUs))
	}
	return errors.Join(errs...)
}

// Source generates rows. It may be used by many goroutines.
type Source struct {
	config Config
}

var _ vertex.Source = (*Source)(nil)

// New checks a description and returns its source.
func New(c Config) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Distinct == 0 {
		c.Distinct = 1000
	}
	return &Source{c}, nil
}

// Schema is the schema of all splits.
func (s *Source) Schema() *batch.Schema { return s.config.Schema }

// Splits lists the splits.
func (s *Source) Splits() ([]vertex.Split, error) {
	splits := make([]vertex.Split, s.config.Splits)
	for i := range splits {
		splits[i] = vertex.Split{Name: "generated " + strconv.Itoa(i), ID: uint32(i)}
	}
	return splits, nil
}

// Open returns a reader of a split; a position is the number of rows before it. wake is never called, since a Read always has rows or
// the end.
func (s *Source) Open(split vertex.Split, at vertex.SnapshotReader, _ func()) (vertex.SplitReader, error) {
	row := uint64(0)
	if at != nil {
		row = at.Uint64()
		if err := at.Err(); err != nil {
			return nil, fmt.Errorf("%s: its position: %w", split.Name, err)
		}
		if row > s.config.Rows {
			return nil, fmt.Errorf("%s: its position is behind row %d, but it has %d", split.Name, row, s.config.Rows)
		}
	}
	return &reader{config: &s.config, split: split.ID, row: row, rows: batch.NewBuilder(s.config.Schema)}, nil
}

type reader struct {
	config *Config
	split  uint32
	row    uint64
	rows   *batch.Builder
}

// maxRead bounds the memory of a reader.
const maxRead = 4096

func (r *reader) Read(maxRows int) (*batch.Batch, error) {
	c := r.config
	if r.row >= c.Rows {
		return nil, io.EOF
	}
	if maxRows < 1 {
		return nil, nil
	}
	n := int(min(uint64(min(maxRows, maxRead)), c.Rows-r.row))
	r.rows.Reset()
	for i := range n {
		vs := c.StartUs + int64(r.row+uint64(i))*c.StepUs
		r.rows.AppendTime(vs, vs+c.LiveUs, 1)
	}
	for i := range r.rows.Cols {
		r.fill(&r.rows.Cols[i], uint64(i), n)
	}
	r.row += uint64(n)
	return r.rows.View(), nil
}

func (r *reader) fill(col *batch.ColumnBuilder, column uint64, n int) {
	c := r.config
	seed := mix(mix(c.Seed^uint64(r.split)<<32) + column)
	for i := range n {
		h := mix(seed + r.row + uint64(i))
		if col.Nullable && h>>60 == 0 {
			col.AppendNull()
			continue
		}
		switch col.Kind {
		case batch.Bool:
			col.AppendBool(h&1 == 1)
		case batch.Int64:
			col.AppendInt64(int64(h % c.Distinct))
		case batch.Float64:
			col.AppendFloat64(float64(h>>11) / (1 << 53))
		case batch.Timestamp:
			col.AppendInt64(r.rows.Vs[i])
		case batch.String:
			col.Data = strconv.AppendUint(append(col.Data, 'k'), h%c.Distinct, 10)
			col.AppendBytes(nil)
		case batch.Bytes:
			col.Data = binary.LittleEndian.AppendUint64(col.Data, h)
			col.AppendBytes(nil)
		}
		col.SetValid(true)
	}
}

// mix is the finaliser of SplitMix64 over its Weyl sequence.
func mix(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// Position writes the number of rows returned.
func (r *reader) Position(w vertex.SnapshotWriter) { w.Uint64(r.row) }

func (r *reader) Counters() vertex.SourceCounters { return vertex.SourceCounters{} }

func (r *reader) Close() error { return nil }
