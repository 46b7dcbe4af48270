package ringlog

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	segmentMagic   = uint64('S') | 'S'<<8 | 'R'<<16 | 'I'<<24 | 'N'<<32 | 'G'<<40 | 'S'<<48 | '1'<<56
	footerMagic    = uint64('S') | 'S'<<8 | 'R'<<16 | 'I'<<24 | 'N'<<32 | 'G'<<40 | 'F'<<48 | '1'<<56
	segmentVersion = 2

	relayFlag = 1

	offHeaderSum   = 64
	offCheckpoints = 128
	checkpointLen  = 64
)

// Identity names a log among all logs that share a directory.
type Identity struct {
	Job  uint64
	Node frame.NodeID
	Core frame.CoreID
}

func (id Identity) String() string {
	return fmt.Sprintf("job %d node %d core %d", id.Job, id.Node, id.Core)
}

// SegmentHeader is the decoded form of a segment's header. What it says about the size was not compared with any file.
type SegmentHeader struct {
	Identity
	Relay       bool
	Incarnation frame.Incarnation
	Number      SegmentNumber
	Bytes       int
}

func putSegmentHeader(b []byte, h *SegmentHeader) {
	le := binary.LittleEndian
	clear(b[8:SegmentHeaderLen])
	le.PutUint32(b[8:], segmentVersion)
	if h.Relay {
		le.PutUint32(b[12:], relayFlag)
	}
	le.PutUint64(b[16:], h.Job)
	le.PutUint32(b[24:], uint32(h.Node))
	le.PutUint32(b[28:], uint32(h.Core))
	le.PutUint32(b[32:], uint32(h.Incarnation))
	le.PutUint64(b[40:], uint64(h.Number))
	le.PutUint64(b[48:], uint64(h.Number)*uint64(h.Bytes))
	le.PutUint64(b[56:], uint64(h.Bytes))
	le.PutUint64(b[offHeaderSum:], headerSum(b))
}

// headerSum covers the magic as it will be, so that the magic can be stored last.
func headerSum(b []byte) uint64 {
	var copied [offHeaderSum]byte
	copy(copied[:], b)
	binary.LittleEndian.PutUint64(copied[:], segmentMagic)
	return xxhash.Sum64(copied[:])
}

// errFree means that a segment file holds nothing.
var errFree = fmt.Errorf("segment is free")

// DecodeSegmentHeader reads and checks the header at the beginning of b. Errors wrap ErrCorrupt, except for a segment that is free.
func DecodeSegmentHeader(b []byte) (SegmentHeader, error) {
	var h SegmentHeader
	if len(b) < SegmentHeaderLen {
		return h, fmt.Errorf("%w: segment of %d bytes, want a header of %d", ErrCorrupt, len(b), SegmentHeaderLen)
	}
	le := binary.LittleEndian
	switch magic := le.Uint64(b); {
	case magic == 0:
		return h, errFree
	case magic != segmentMagic:
		return h, fmt.Errorf("%w: segment magic %016x, want %016x", ErrCorrupt, magic, segmentMagic)
	}
	if v := le.Uint32(b[8:]); v != segmentVersion {
		return h, fmt.Errorf("%w: segment version %d, want %d", ErrCorrupt, v, segmentVersion)
	}
	if got, want := headerSum(b), le.Uint64(b[offHeaderSum:]); got != want {
		return h, fmt.Errorf("%w: segment header sum %016x, want %016x", ErrCorrupt, got, want)
	}
	h.Job = le.Uint64(b[16:])
	h.Node = frame.NodeID(le.Uint32(b[24:]))
	core := le.Uint32(b[28:])
	h.Core = frame.CoreID(core)
	h.Incarnation = frame.Incarnation(le.Uint32(b[32:]))
	h.Number = SegmentNumber(le.Uint64(b[40:]))
	h.Relay = le.Uint32(b[12:]) == relayFlag
	size, base := le.Uint64(b[56:]), le.Uint64(b[48:])
	y, err := NewLayout(int(min(size, 2*MaxSegmentBytes)))
	switch {
	case err != nil:
		return h, fmt.Errorf("%w: %w", ErrCorrupt, err)
	case uint64(h.Number) > ^uint64(0)>>y.shift || base != uint64(h.Number)<<y.shift:
		return h, fmt.Errorf("%w: base position %d of segment %d of %d bytes", ErrCorrupt, base, h.Number, size)
	case core > 1<<16-1 || le.Uint32(b[12:]) > relayFlag:
		return h, fmt.Errorf("%w: core %d, flags %#x", ErrCorrupt, core, le.Uint32(b[12:]))
	}
	h.Bytes = y.Bytes
	return h, nil
}

// Checkpoint is what a log wrote down about itself: frames below Committed were committed, those below Trimmed may be gone.
type Checkpoint struct {
	Sequence  uint64
	Committed frame.Pos
	Trimmed   frame.Pos
}

// putCheckpoint writes into the slot that the sequence selects, so that the other one stays whole.
func putCheckpoint(b []byte, c Checkpoint) {
	slot := b[offCheckpoints+int(c.Sequence&1)*checkpointLen:]
	le := binary.LittleEndian
	le.PutUint64(slot[0:], c.Sequence)
	le.PutUint64(slot[8:], uint64(c.Committed))
	le.PutUint64(slot[16:], uint64(c.Trimmed))
	le.PutUint64(slot[24:], xxhash.Sum64(slot[:24]))
}

// latestCheckpoint returns the newest whole checkpoint of a segment header; the zero value if there is none.
func latestCheckpoint(b []byte) (latest Checkpoint) {
	le := binary.LittleEndian
	for i := range 2 {
		slot := b[offCheckpoints+i*checkpointLen:]
		c := Checkpoint{le.Uint64(slot[0:]), frame.Pos(le.Uint64(slot[8:])), frame.Pos(le.Uint64(slot[16:]))}
		if c.Sequence > latest.Sequence && le.Uint64(slot[24:]) == xxhash.Sum64(slot[:24]) {
			latest = c
		}
	}
	return latest
}

// word is the atomic 8 bytes at an offset of mapped memory; off is a multiple of 8.
func word(mem []byte, off int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&mem[off : off+8 : off+8][0]))
}

// lenOf is the frame length in a frame's first word.
func lenOf(w uint64) int32 { return int32(uint32(w)) }
