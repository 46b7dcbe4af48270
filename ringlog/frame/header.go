package frame

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"
)

const (
	// HeaderLen is the size of every frame header in bytes.
	HeaderLen = 64
	// Align is the alignment of frames in a log and of buffers inside a frame, in bytes.
	Align = 64
	// SubBatchLen and BufferLen are the entry sizes of a DATA frame's two tables, in bytes.
	SubBatchLen = 24
	BufferLen   = 8
	// MaxSubBatches is what the 16-bit count of the header holds; a frame that reached it is full.
	MaxSubBatches = 1<<16 - 1
)

// Type says what a frame carries.
type Type uint8

// The frame types. The zero value is none of them, so that zeroed memory is never a frame.
const (
	Data   Type = 1 + iota // rows of one (edge, destination node, tick)
	Pad                    // fills a segment up to its footer
	Schema                 // the schema of an edge; first use in each segment
	Close                  // source tasks have closed ticks
	Record                 // what a source cut into a tick
	Mark                   // a snapshot tick
	Sync                   // a durable point of a log
	End                    // the log's writer ended in an orderly way
	typeEnd
)

var typeNames = [...]string{"invalid", "DATA", "PAD", "SCHEMA", "CLOSE", "RECORD", "MARK", "SYNC", "END"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Flags qualify a frame.
type Flags uint8

// The frame flags.
const (
	Summed     Flags = 1 << iota // Sum is set
	Compressed                   // the payload begins with its raw length, u32
	Unordered                    // rows of several source tasks share sub-batches; no positions
	Dense                        // {first destination, count} and row starts in place of sub-batches; implies Unordered
	flagsEnd
)

// Offsets of the header's fields: the one table that reader and writer share (DESIGN §5).
const (
	offLen      = 0
	offType     = 4
	offFlags    = 5
	offSubs     = 6
	offSum      = 8
	offPos      = 16
	offTick     = 24
	offOldestNs = 32
	offInc      = 40
	offEdge     = 44
	offNode     = 48
	offCore     = 52
	offBufs     = 54
	offPrev     = 56
)

var (
	// ErrCorrupt means that bytes which were a frame once are damaged, or that a peer sent nonsense.
	ErrCorrupt = errors.New("corrupt frame")
	// ErrNotWritten means that there is no committed frame here: zero or negative length.
	ErrNotWritten = errors.New("no committed frame")
)

// Header is the decoded form of a frame's first 64 bytes.
//
// Invariants, checked by Valid at every gateway: Len >= HeaderLen; Type known; no unknown flag; Dense only with Unordered;
// tables (16 or 24 bytes per sub-batch, 8 per buffer) inside Len.
type Header struct {
	Len         int32 // header and payload, unpadded, bytes
	Type        Type
	Flags       Flags
	SubBatches  uint16
	Sum         uint64 // XXH3-64 over [16, Len), seeded with the first 8 bytes
	Pos         Pos    // position of this frame in the log it was written to
	Tick        Tick
	OldestNs    int64 // unix nanoseconds of its oldest event
	Incarnation Incarnation
	Edge        EdgeID
	Node        NodeID // destination
	Core        CoreID // of the source; with the link's source node and incarnation it names the log
	Buffers     uint16
	Prev        Pos // previous frame of its chain in the log; for log scans only
}

// Chain is the chain the frame belongs to.
func (h *Header) Chain() Chain { return Chain{h.Edge, h.Node} }

// Padded is the room the frame takes in a log: Len rounded up to Align.
func (h *Header) Padded() int { return PadLen(int(h.Len)) }

// PadLen rounds a length in bytes up to Align.
func PadLen(n int) int { return (n + Align - 1) &^ (Align - 1) }

// PutHeader encodes h into b[:HeaderLen], Len included. Writers of a shared log store Len again, last and atomically.
func PutHeader(b []byte, h *Header) {
	_ = b[HeaderLen-1]
	le := binary.LittleEndian
	le.PutUint32(b[offLen:], uint32(h.Len))
	b[offType], b[offFlags] = byte(h.Type), byte(h.Flags)
	le.PutUint16(b[offSubs:], h.SubBatches)
	le.PutUint64(b[offSum:], h.Sum)
	le.PutUint64(b[offPos:], uint64(h.Pos))
	le.PutUint64(b[offTick:], uint64(h.Tick))
	le.PutUint64(b[offOldestNs:], uint64(h.OldestNs))
	le.PutUint32(b[offInc:], uint32(h.Incarnation))
	le.PutUint32(b[offEdge:], uint32(h.Edge))
	le.PutUint32(b[offNode:], uint32(h.Node))
	le.PutUint16(b[offCore:], uint16(h.Core))
	le.PutUint16(b[offBufs:], h.Buffers)
	le.PutUint64(b[offPrev:], uint64(h.Prev))
}

// DecodeHeader reads the header in b[:HeaderLen] without judging it; b must be at least HeaderLen long.
func DecodeHeader(b []byte) Header {
	_ = b[HeaderLen-1]
	le := binary.LittleEndian
	return Header{
		Len:         int32(le.Uint32(b[offLen:])),
		Type:        Type(b[offType]),
		Flags:       Flags(b[offFlags]),
		SubBatches:  le.Uint16(b[offSubs:]),
		Sum:         le.Uint64(b[offSum:]),
		Pos:         Pos(le.Uint64(b[offPos:])),
		Tick:        Tick(le.Uint64(b[offTick:])),
		OldestNs:    int64(le.Uint64(b[offOldestNs:])),
		Incarnation: Incarnation(le.Uint32(b[offInc:])),
		Edge:        EdgeID(le.Uint32(b[offEdge:])),
		Node:        NodeID(le.Uint32(b[offNode:])),
		Core:        CoreID(le.Uint16(b[offCore:])),
		Buffers:     le.Uint16(b[offBufs:]),
		Prev:        Pos(le.Uint64(b[offPrev:])),
	}
}

// Valid checks the header's invariants against a limit of maxLen bytes per frame.
// The error wraps ErrNotWritten (length not positive) or ErrCorrupt.
func (h *Header) Valid(maxLen int) error {
	switch {
	case h.Len <= 0:
		return fmt.Errorf("%w: length %d", ErrNotWritten, h.Len)
	case h.Len < HeaderLen || int(h.Len) > maxLen:
		return fmt.Errorf("%w: length %d, want %d to %d", ErrCorrupt, h.Len, HeaderLen, maxLen)
	case h.Type == 0 || h.Type >= typeEnd:
		return fmt.Errorf("%w: %v", ErrCorrupt, h.Type)
	case h.Flags >= flagsEnd:
		return fmt.Errorf("%w: unknown flags %#x", ErrCorrupt, uint8(h.Flags))
	case h.Flags&Dense != 0 && h.Flags&Unordered == 0:
		return fmt.Errorf("%w: dense frame that is not unordered", ErrCorrupt)
	}
	tables := int(h.Buffers) * BufferLen
	if h.Flags&Dense == 0 {
		tables += int(h.SubBatches) * SubBatchLen
	}
	if HeaderLen+tables > int(h.Len) {
		return fmt.Errorf("%w: tables of %d bytes in a frame of %d", ErrCorrupt, tables, h.Len)
	}
	return nil
}

// Checksum computes the sum of the frame in b, whose length field must hold its positive final length.
func Checksum(b []byte) uint64 {
	n := binary.LittleEndian.Uint32(b[offLen:])
	return ChecksumAs(binary.LittleEndian.Uint64(b[:8]), b[:n])
}

// ChecksumAs computes the sum of the frame in b as if its first 8 bytes held first: a writer of a shared log stores them last,
// after the sum. b must be exactly the frame.
func ChecksumAs(first uint64, b []byte) uint64 { return xxh3.HashSeed(b[offPos:], first) }

// PutSum sets the Summed flag and the sum of the otherwise finished frame in b.
func PutSum(b []byte) {
	b[offFlags] |= byte(Summed)
	binary.LittleEndian.PutUint64(b[offSum:], Checksum(b))
}

// VerifySum checks the sum of the frame in b, if it carries one. b must be exactly the frame: another length is ErrCorrupt.
func VerifySum(b []byte) error {
	if len(b) < HeaderLen || int64(binary.LittleEndian.Uint32(b[offLen:])) != int64(len(b)) {
		return fmt.Errorf("%w: %d bytes are not one frame", ErrCorrupt, len(b))
	}
	if Flags(b[offFlags])&Summed == 0 {
		return nil
	}
	got, want := Checksum(b), binary.LittleEndian.Uint64(b[offSum:])
	if got != want {
		return fmt.Errorf("%w: sum %016x, want %016x", ErrCorrupt, got, want)
	}
	return nil
}
