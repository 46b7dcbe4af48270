package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"

	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect"
)

// writer writes one file: row groups by arrow-go, whose writer begins anew in each life, and the footer, over the row groups of all lives. It
// belongs to one goroutine.
//
// Invariant: the bytes of the file are a function of the rows added, not of the calls that added them or of its lives.
type writer struct {
	limit  limits
	out    *connect.Output
	at     uint64 // bytes of the file
	schema *batch.Schema
	group  *batch.Builder // the row group begun; below its limits
	column columnWriter
	file   *file.Writer
	shift  int64                  // from places in the file as arrow-go counts them to those in the file
	before *metadata.FileMetaData // row groups of earlier lives; nil in the first
}

// newWriter begins a file, or goes on with one as own, the state of an earlier life, tells.
func newWriter(of limits, out *connect.Output, fields []batch.Field, own []byte) (w *writer, err error) {
	schema := &batch.Schema{Fields: fields}
	w = &writer{limit: of, out: out, schema: schema, group: batch.NewBuilder(schema)}
	defer w.failed(&err)
	root, err := fileSchema(fields)
	if err != nil {
		return nil, err
	}
	kept, again := out.Continued()
	if again {
		if err := w.restore(own, kept); err != nil {
			return nil, fmt.Errorf("its position: %w", err)
		}
		w.at, w.shift = kept, int64(kept)-int64(len(magic))
	}
	props := pq.NewWriterProperties(
		pq.WithCompression(compress.Codecs.Zstd), pq.WithCreatedBy("streamscope"), pq.WithVersion(pq.V2_LATEST))
	if w.file, err = file.NewParquetWriterWithError(&behindMagic{w, again}, root, file.WithWriterProps(props)); err != nil {
		return nil, err
	}
	if again && !w.before.Schema.Equals(w.file.Schema) {
		return nil, fmt.Errorf("its position: row groups of %v, want %v", w.before.Schema, w.file.Schema)
	}
	return w, nil
}

// Write writes to the file; arrow-go does not get to close it.
func (w *writer) Write(p []byte) (int, error) {
	n, err := w.out.Write(p)
	w.at += uint64(n)
	return n, err
}

// behindMagic passes on what arrow-go writes, but for the magic at the beginning of a file that has it.
type behindMagic struct {
	w    *writer
	skip bool
}

func (b *behindMagic) Write(p []byte) (int, error) {
	if b.skip {
		b.skip = false
		return len(p), nil
	}
	return b.w.Write(p)
}

// add appends rows to the row group begun and writes each that is full.
func (w *writer) add(b *batch.Batch) (err error) {
	defer w.failed(&err)
	for at := 0; at < b.N; {
		n := w.fitting(b, at)
		w.group.AppendBatch(b, at, at+n)
		at += n
		if w.group.Len() >= w.limit.rows || w.group.Bytes() >= w.limit.bytes {
			if err := w.writeGroup(); err != nil {
				return err
			}
		}
	}
	return nil
}

// fitting returns how many rows of b, from the given one on, belong into the row group begun: those up to the one that makes it full.
func (w *writer) fitting(b *batch.Batch, from int) int {
	n := min(b.N-from, w.limit.rows-w.group.Len())
	room := w.limit.bytes - w.group.Bytes()
	if rowBytes(b, from, from+n) < room {
		return n
	}
	return 1 + sort.Search(n-1, func(k int) bool { return rowBytes(b, from, from+k+1) >= room })
}

// rowBytes is what rows [from, to) add to batch.Builder.Bytes.
func rowBytes(b *batch.Batch, from, to int) int {
	n := (to - from) * b.Schema.FixedRowBytes()
	for i := range b.Cols {
		if b.Cols[i].Kind().VarLen() {
			offs, _ := b.Cols[i].Var()
			n += int(offs[to] - offs[from])
		}
	}
	return n
}

// writeGroup writes the row group begun, column by column.
func (w *writer) writeGroup() error {
	rows, err := w.file.AppendRowGroupChecked()
	if err != nil {
		return err
	}
	view := w.group.View()
	for i := range view.Cols {
		c, err := rows.NextColumn()
		if err != nil {
			return err
		}
		if err := w.column.write(c, &view.Cols[i]); err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	w.group.Reset()
	return w.settleGroup()
}

// settleGroup gives the tables of the row group just written the places and the number that it has in the file as a whole, and what arrow-go took
// from a map an order.
func (w *writer) settleGroup() error {
	tables, err := w.file.FileMetadata()
	if err != nil {
		return err
	}
	g := tables.RowGroups[len(tables.RowGroups)-1]
	*g.FileOffset += w.shift
	if w.before != nil {
		*g.Ordinal += int16(len(w.before.RowGroups))
	}
	for _, c := range g.Columns {
		c.FileOffset += w.shift
		c.MetaData.DataPageOffset += w.shift
		if c.MetaData.DictionaryPageOffset != nil {
			*c.MetaData.DictionaryPageOffset += w.shift
		}
		stats := c.MetaData.EncodingStats
		sort.Slice(stats, func(i, j int) bool {
			if stats[i].PageType != stats[j].PageType {
				return stats[i].PageType < stats[j].PageType
			}
			return stats[i].Encoding < stats[j].Encoding
		})
	}
	return nil
}

// tables are those of the row groups of all lives, as the footer has them.
func (w *writer) tables() ([]byte, error) {
	tables, err := w.file.FileMetadata()
	if err != nil {
		return nil, err
	}
	if w.before != nil {
		all := make([]int, len(w.before.RowGroups))
		for i := range all {
			all[i] = i
		}
		whole, err := w.before.Subset(all) // a copy
		if err != nil {
			return nil, err
		}
		if err := whole.AppendRowGroups(tables); err != nil {
			return nil, err
		}
		tables = whole
	}
	var b bytes.Buffer
	_, err = tables.WriteTo(&b, nil)
	return b.Bytes(), err
}

// checkpoint makes the row groups written durable and returns the position of the file, which has the rows of the one begun.
func (w *writer) checkpoint() (position []byte, err error) {
	defer w.failed(&err)
	own, err := w.state()
	if err != nil {
		return nil, err
	}
	if err := w.out.Sync(); err != nil {
		return nil, err
	}
	return w.out.Position(w.at, own), nil
}

// finish writes the last row group and the footer and makes the file durable.
func (w *writer) finish() (err error) {
	defer w.failed(&err)
	if w.group.Len() > 0 {
		if err := w.writeGroup(); err != nil {
			return err
		}
	}
	tables, err := w.tables()
	if err != nil {
		return err
	}
	footer := slices.Concat(tables, binary.LittleEndian.AppendUint32(nil, uint32(len(tables))), []byte(magic))
	if _, err := w.Write(footer); err != nil {
		return err
	}
	return w.out.Close()
}

// failed names the file in errors and panics of arrow-go; those of the output name it already.
func (w *writer) failed(err *error) {
	if p := recover(); p != nil {
		e, ok := p.(error)
		if !ok {
			e = fmt.Errorf("%v", p)
		}
		*err = e
	}
	if *err == nil {
		return
	}
	if e := (*connect.WriteError)(nil); errors.As(*err, &e) {
		*err = e
		return
	}
	*err = fmt.Errorf("%s: cannot write: %w", w.out.Final, *err)
}
