package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/klauspost/compress/zstd"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// What a position has besides the bytes of the file: the tables of the row groups written, as the footer would have them, behind their
// length (u32); then, if a row group is begun, the length (u32) of a frame of its rows and that frame, packed by zstd.

// frameSlackBytes is what a frame has beyond the bytes of its rows, at most: headers, and padding of each buffer.
const frameSlackBytes = frame.HeaderLen + frame.SubBatchLen + 4*batch.MaxFields*(frame.BufferLen+frame.Align)

var errCutOff = errors.New("it is cut off")

var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constant
	}
	return e
})

func (w *writer) state() ([]byte, error) {
	tables, err := w.tables()
	if err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(tables)))
	b = append(b, tables...)
	if w.group.Len() == 0 {
		return b, nil
	}
	rows := frameOf(w.group.View())
	b = binary.LittleEndian.AppendUint32(b, uint32(len(rows)))
	return zstdEncoder().EncodeAll(rows, b), nil
}

// restore sets the writer to a state. fileBytes is what the file has.
func (w *writer) restore(state []byte, fileBytes uint64) (err error) {
	defer recovered(&err)
	tables, rest, ok := cutLength(state)
	if !ok {
		return errCutOff
	}
	if err := checkFileMetaData(tables); err != nil {
		return err
	}
	if w.before, err = metadata.NewFileMetaData(tables, nil); err != nil {
		return err
	}
	if err := checkTables(w.before, fileBytes); err != nil {
		return err
	}
	if len(rest) == 0 {
		return nil
	}
	if len(rest) < 4 {
		return errCutOff
	}
	return w.restoreRows(rest[4:], uint64(binary.LittleEndian.Uint32(rest)))
}

// cutLength cuts bytes behind their length (u32) off b.
func cutLength(b []byte) (head, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// checkTables checks that row groups lie in the file and have as many rows as they say together.
func checkTables(m *metadata.FileMetaData, fileBytes uint64) error {
	if fileBytes < uint64(len(magic)) {
		return fmt.Errorf("got a file of %d bytes, want at least %d", fileBytes, len(magic))
	}
	rows := int64(0)
	for i := range m.RowGroups {
		g := m.RowGroup(i)
		rows += g.NumRows()
		for c := range g.NumColumns() {
			chunk, err := g.ColumnChunk(c)
			if err == nil {
				_, err = chunkOf(chunk, int64(fileBytes))
			}
			if err != nil {
				return fmt.Errorf("row group %d: %w", i+1, err)
			}
		}
	}
	if rows != m.NumRows {
		return fmt.Errorf("%d rows in all, but %d in row groups", m.NumRows, rows)
	}
	return nil
}

// restoreRows unpacks the rows of the row group begun.
func (w *writer) restoreRows(packed []byte, size uint64) error {
	if most := uint64(w.limit.bytes + frameSlackBytes); size > most || size < frame.HeaderLen {
		return fmt.Errorf("rows of %d bytes, want %d to %d", size, frame.HeaderLen, most)
	}
	b, err := zstdDecoder().DecodeAll(packed, make([]byte, 0, size))
	if err != nil {
		return err
	}
	if uint64(len(b)) != size {
		return fmt.Errorf("rows of %d bytes, want %d", len(b), size)
	}
	rows, err := rowsOf(w.schema, b)
	if err != nil {
		return err
	}
	w.group.AppendBatch(rows, 0, rows.N)
	if w.group.Len() >= w.limit.rows || w.group.Bytes() >= w.limit.bytes {
		return fmt.Errorf("%d rows of %d bytes, more than a row group has", w.group.Len(), w.group.Bytes())
	}
	return nil
}

// frameOf returns the rows of b as a frame with its sum.
func frameOf(b *batch.Batch) []byte {
	rows, varBytes := make([]int32, b.N), make([]int, len(b.Cols))
	for i := range rows {
		rows[i] = int32(i)
	}
	batch.VarBytes(b, rows, varBytes)
	const dirEnd = frame.HeaderLen + frame.SubBatchLen
	f := make([]byte, batch.EncodedLen(b.Schema, dirEnd, b.N, varBytes))
	frame.PutHeader(f, &frame.Header{Len: int32(len(f)), Type: frame.Data, SubBatches: 1, Buffers: uint16(b.Schema.Buffers())})
	frame.PutSubBatch(f[frame.HeaderLen:], frame.SubBatch{Rows: uint32(b.N)})
	batch.EncodeRows(f, dirEnd, b, rows, varBytes)
	frame.PutSum(f)
	return f
}

// rowsOf lends the rows of a frame.
func rowsOf(s *batch.Schema, b []byte) (*batch.Batch, error) {
	h := frame.DecodeHeader(b)
	if err := h.Valid(len(b)); err != nil {
		return nil, err
	}
	if err := frame.VerifySum(b); err != nil {
		return nil, err
	}
	f, err := frame.ParseData(h, b)
	if err != nil {
		return nil, err
	}
	rows := &batch.Batch{}
	if err := batch.Decode(rows, s, &f); err != nil {
		return nil, err
	}
	return rows, rows.CheckOffsets()
}
