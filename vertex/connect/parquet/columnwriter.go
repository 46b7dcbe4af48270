package parquet

import (
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// columnWriter writes columns of batches; it keeps scratch memory between them.
type columnWriter struct {
	levels []int16
	bins   []pq.ByteArray
	bools  []bool
}

// chunkWriter is what arrow-go's writers of all types have.
type chunkWriter[T any] interface {
	WriteBatch(values []T, defLevels, repLevels []int16) (int64, error)
	WriteBatchSpacedWithError(values []T, defLevels, repLevels []int16, valid []byte, validOffset int64) (int64, error)
}

// write hands arrow-go the column's own buffers where it takes them: fixed-width values and validity bits as they are, text as slices.
func (s *columnWriter) write(w file.ColumnChunkWriter, c *batch.Column) error {
	switch w := w.(type) {
	case *file.Int64ColumnChunkWriter:
		return writeValues(s, w, c, c.Int64s())
	case *file.Float64ColumnChunkWriter:
		return writeValues(s, w, c, c.Float64s())
	case *file.ByteArrayColumnChunkWriter:
		s.bins = s.bins[:0]
		for i := range c.Len() {
			s.bins = append(s.bins, c.Bytes(i))
		}
		return writeValues(s, w, c, s.bins)
	case *file.BooleanColumnChunkWriter:
		s.bools = s.bools[:0]
		for i := range c.Len() {
			s.bools = append(s.bools, c.Bools().Get(i))
		}
		return writeValues(s, w, c, s.bools)
	}
	return nil
}

func writeValues[T any](s *columnWriter, w chunkWriter[T], c *batch.Column, values []T) error {
	if !c.Nulls() {
		_, err := w.WriteBatch(values, nil, nil)
		return err
	}
	s.levels = s.levels[:0]
	for i := range c.Len() {
		level := int16(1)
		if c.Null(i) {
			level = 0
		}
		s.levels = append(s.levels, level)
	}
	valid, offset := c.Validity().Raw()
	_, err := w.WriteBatchSpacedWithError(values, s.levels, nil, valid, int64(offset))
	return err
}
