package frame

import (
	"encoding/binary"
	"fmt"
)

// SubBatch is a run of rows of one channel in a DATA frame: rows [FirstRow, FirstRow+Rows) of every column.
type SubBatch struct {
	Source      TaskID
	Destination TaskID
	FirstIndex  Index
	FirstRow    uint32
	Rows        uint32
	Flags       uint32 // none defined; zero
}

// PutSubBatch encodes s into b[:SubBatchLen].
func PutSubBatch(b []byte, s SubBatch) {
	le := binary.LittleEndian
	_ = b[SubBatchLen-1]
	le.PutUint32(b[0:], uint32(s.Source))
	le.PutUint32(b[4:], uint32(s.Destination))
	le.PutUint32(b[8:], uint32(s.FirstIndex))
	le.PutUint32(b[12:], s.FirstRow)
	le.PutUint32(b[16:], s.Rows)
	le.PutUint32(b[20:], s.Flags)
}

func subBatchAt(b []byte, i int) SubBatch {
	b = b[HeaderLen+i*SubBatchLen:][:SubBatchLen]
	le := binary.LittleEndian
	return SubBatch{
		Source:      TaskID(le.Uint32(b[0:])),
		Destination: TaskID(le.Uint32(b[4:])),
		FirstIndex:  Index(le.Uint32(b[8:])),
		FirstRow:    le.Uint32(b[12:]),
		Rows:        le.Uint32(b[16:]),
		Flags:       le.Uint32(b[20:]),
	}
}

// PutBuffer encodes the place of a buffer, relative to the frame's first byte, into b[:BufferLen].
func PutBuffer(b []byte, offset, length int) {
	binary.LittleEndian.PutUint32(b[0:], uint32(offset))
	binary.LittleEndian.PutUint32(b[4:], uint32(length))
}

// DataFrame reads the tables of a DATA frame in place. It borrows the bytes it was made from.
type DataFrame struct {
	Header
	b       []byte
	bufsOff int
	dense   int // offset of the row starts of a dense frame
}

// ParseData checks the tables of the DATA frame in b (its header must be Valid and b exactly the frame) and returns a view of it:
// sub-batches cover rows from 0 without gap or overlap, buffers are 64-byte aligned and inside the frame.
// What the buffers mean is checked against a schema by package shuffle/batch.
func ParseData(h Header, b []byte) (DataFrame, error) {
	f := DataFrame{Header: h, b: b}
	if h.Type != Data {
		return f, fmt.Errorf("%w: %v, want DATA", ErrCorrupt, h.Type)
	}
	if len(b) != int(h.Len) {
		return f, fmt.Errorf("%w: %d bytes for a frame of %d", ErrCorrupt, len(b), h.Len)
	}
	if h.Flags&Dense != 0 {
		if err := f.parseDense(); err != nil {
			return f, err
		}
	} else {
		f.bufsOff = HeaderLen + int(h.SubBatches)*SubBatchLen
		var next uint64
		for i := range int(h.SubBatches) {
			s := subBatchAt(b, i)
			if uint64(s.FirstRow) != next || s.Rows == 0 {
				return f, fmt.Errorf("%w: sub-batch %d covers rows %d+%d, want to begin at %d", ErrCorrupt, i, s.FirstRow, s.Rows, next)
			}
			next += uint64(s.Rows)
		}
		if next > 1<<31-1 {
			return f, fmt.Errorf("%w: %d rows in a frame", ErrCorrupt, next)
		}
	}
	end := f.bufsOff + int(h.Buffers)*BufferLen
	if end > len(b) {
		return f, fmt.Errorf("%w: tables end at %d in a frame of %d", ErrCorrupt, end, len(b))
	}
	for i := range int(h.Buffers) {
		off, n := f.bufferPlace(i)
		if off%Align != 0 || uint64(off) < uint64(end) || uint64(off)+uint64(n) > uint64(len(b)) {
			return f, fmt.Errorf("%w: buffer %d at %d+%d in a frame of %d", ErrCorrupt, i, off, n, len(b))
		}
	}
	return f, nil
}

// A dense frame's directory: {first destination u32, count u32}, then count+1 row starts, u32 each.
func (f *DataFrame) parseDense() error {
	if len(f.b) < HeaderLen+8 {
		return fmt.Errorf("%w: dense frame of %d bytes", ErrCorrupt, len(f.b))
	}
	first, count := f.DenseRange()
	if count == 0 || uint64(first)+uint64(count) > 1<<32 || HeaderLen+8+4*(uint64(count)+1) > uint64(len(f.b)) {
		return fmt.Errorf("%w: dense range %d+%d in a frame of %d", ErrCorrupt, first, count, len(f.b))
	}
	f.dense = HeaderLen + 8
	f.bufsOff = f.dense + 4*(count+1)
	prev := uint32(0)
	for i := range count + 1 {
		at := f.rowStart(i)
		if at < prev || at > 1<<31-1 || (i == 0 && at != 0) {
			return fmt.Errorf("%w: dense row start %d is %d after %d", ErrCorrupt, i, at, prev)
		}
		prev = at
	}
	return nil
}

// DenseDirLen is the size in bytes of a dense directory of count destinations.
func DenseDirLen(count int) int { return 8 + 4*(count+1) }

// PutDenseDir encodes a dense directory into b[:DenseDirLen(len(starts)-1)]; starts holds count+1 rows, from 0.
func PutDenseDir(b []byte, first TaskID, starts []uint32) {
	binary.LittleEndian.PutUint32(b[0:], uint32(first))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(starts)-1))
	for i, s := range starts {
		binary.LittleEndian.PutUint32(b[8+4*i:], s)
	}
}

func (f *DataFrame) rowStart(i int) uint32 { return binary.LittleEndian.Uint32(f.b[f.dense+4*i:]) }

// DenseRange returns the first destination task of a dense frame and how many follow each other.
func (f *DataFrame) DenseRange() (first TaskID, count int) {
	le := binary.LittleEndian
	return TaskID(le.Uint32(f.b[HeaderLen:])), int(le.Uint32(f.b[HeaderLen+4:]))
}

// DenseRows returns the rows of the i-th destination of a dense frame.
func (f *DataFrame) DenseRows(i int) (first, n int) {
	a, b := f.rowStart(i), f.rowStart(i+1)
	return int(a), int(b - a)
}

// SubBatch returns the i-th sub-batch of a frame that is not dense.
func (f *DataFrame) SubBatch(i int) SubBatch { return subBatchAt(f.b, i) }

// Rows is the number of rows in the frame.
func (f *DataFrame) Rows() int {
	if f.Flags&Dense != 0 {
		_, count := f.DenseRange()
		return int(f.rowStart(count))
	}
	if f.SubBatches == 0 {
		return 0
	}
	last := subBatchAt(f.b, int(f.SubBatches)-1)
	return int(last.FirstRow + last.Rows)
}

func (f *DataFrame) bufferPlace(i int) (off, n uint32) {
	at := f.bufsOff + i*BufferLen
	return binary.LittleEndian.Uint32(f.b[at:]), binary.LittleEndian.Uint32(f.b[at+4:])
}

// Buffer returns the i-th buffer, borrowed from the frame's bytes.
func (f *DataFrame) Buffer(i int) []byte {
	off, n := f.bufferPlace(i)
	return f.b[off : off+n : off+n]
}

// CloseEntryLen is the size of an entry of a CLOSE frame in bytes.
const CloseEntryLen = 40

// CloseEntry says that source tasks First to Last (inclusive) will send nothing more for ticks FirstTick to LastTick.
//
// Invariants: First <= Last, FirstTick <= LastTick; Rows > 0 only where FirstTick == LastTick; in a range of ticks
// the CTI changes only at the last one (PROTOCOL F19), and SameCTI leaves it as it was. LastTick == MaxTick ends the tasks.
type CloseEntry struct {
	First, Last         TaskID
	FirstTick, LastTick Tick
	CTI                 CTI
	Rows                uint64 // rows of FirstTick that these tasks sent to this destination node on this edge
}

// PutCloseEntry encodes e into b[:CloseEntryLen].
func PutCloseEntry(b []byte, e CloseEntry) {
	le := binary.LittleEndian
	_ = b[CloseEntryLen-1]
	le.PutUint32(b[0:], uint32(e.First))
	le.PutUint32(b[4:], uint32(e.Last))
	le.PutUint64(b[8:], uint64(e.FirstTick))
	le.PutUint64(b[16:], uint64(e.LastTick))
	le.PutUint64(b[24:], uint64(e.CTI))
	le.PutUint64(b[32:], e.Rows)
}

// ParseClose appends the entries of the CLOSE frame in b to dst and returns it. b must be exactly the frame.
func ParseClose(h Header, b []byte, dst []CloseEntry) ([]CloseEntry, error) {
	if h.Type != Close || len(b) != int(h.Len) || (len(b)-HeaderLen)%CloseEntryLen != 0 || len(b) == HeaderLen {
		return dst, fmt.Errorf("%w: CLOSE expected, got %v of %d bytes", ErrCorrupt, h.Type, len(b))
	}
	le := binary.LittleEndian
	for at := HeaderLen; at < len(b); at += CloseEntryLen {
		p := b[at:]
		e := CloseEntry{
			First:     TaskID(le.Uint32(p[0:])),
			Last:      TaskID(le.Uint32(p[4:])),
			FirstTick: Tick(le.Uint64(p[8:])),
			LastTick:  Tick(le.Uint64(p[16:])),
			CTI:       CTI(le.Uint64(p[24:])),
			Rows:      le.Uint64(p[32:]),
		}
		if e.First > e.Last || e.FirstTick == 0 || e.FirstTick > e.LastTick || (e.Rows > 0 && e.FirstTick != e.LastTick) {
			return dst, fmt.Errorf("%w: close entry %+v", ErrCorrupt, e)
		}
		dst = append(dst, e)
	}
	return dst, nil
}
