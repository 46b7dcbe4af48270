package ringlog

import (
	"fmt"
	"math/bits"

	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	// SegmentHeaderLen is the room that a segment's header takes, in bytes.
	SegmentHeaderLen = 4096
	// MinSegmentBytes and MaxSegmentBytes bound the segment size; sizes are powers of two.
	MinSegmentBytes = 64 << 10
	MaxSegmentBytes = 1 << 30
	// DefaultSegmentBytes is the segment size if none is configured.
	DefaultSegmentBytes = 4 << 20

	trailerLen     = 64
	footerChainLen = 32
	footerEntryLen = 4
)

// SegmentNumber counts the segments of one log, from 0; never reused.
type SegmentNumber uint64

// Layout converts between absolute positions and places in segments of one size.
//
// Invariant: Bytes is a power of two from MinSegmentBytes to MaxSegmentBytes.
type Layout struct {
	Bytes int // of a segment, header and footer included
	shift uint
}

// NewLayout returns the layout of segments of the given size in bytes.
func NewLayout(segmentBytes int) (Layout, error) {
	if segmentBytes < MinSegmentBytes || segmentBytes > MaxSegmentBytes || segmentBytes&(segmentBytes-1) != 0 {
		return Layout{}, fmt.Errorf("segment size: got %d bytes, want a power of two from %d to %d",
			segmentBytes, MinSegmentBytes, MaxSegmentBytes)
	}
	return Layout{Bytes: segmentBytes, shift: uint(bits.TrailingZeros(uint(segmentBytes)))}, nil
}

// Split returns the segment that holds pos and the offset inside it.
func (y Layout) Split(pos frame.Pos) (SegmentNumber, int) {
	return SegmentNumber(uint64(pos) >> y.shift), int(uint64(pos) & uint64(y.Bytes-1))
}

// Join is the position of a place in a segment.
func (y Layout) Join(n SegmentNumber, offset int) frame.Pos {
	return frame.Pos(uint64(n)<<y.shift + uint64(offset))
}

// First is the position of a segment's first frame.
func (y Layout) First(n SegmentNumber) frame.Pos { return y.Join(n, SegmentHeaderLen) }

// MaxFrame is the length of the longest frame that fits into a segment, in bytes.
func (y Layout) MaxFrame() int {
	return (y.Bytes - SegmentHeaderLen - tailLen(1, 1)) &^ (frame.Align - 1)
}

// footerLen is the size of a footer with its trailer, a multiple of frame.Align.
func footerLen(chains, frames int) int {
	return frame.PadLen(chains*footerChainLen+frames*footerEntryLen) + trailerLen
}

// tailLen is what sealing a segment takes: the header of a PAD and the footer.
func tailLen(chains, frames int) int { return frame.HeaderLen + footerLen(chains, frames) }
