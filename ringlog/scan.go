package ringlog

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// SegmentScan is what a scan found in one segment.
type SegmentScan struct {
	Header     SegmentHeader
	Checkpoint Checkpoint
	Frames     int   // PADs not counted
	End        int   // offset after the last good frame, or of the sealing PAD
	Sealed     bool  // by a PAD and a footer
	Stopped    error // why the scan ended before a seal; nil: nothing was written there
}

// ScanSegment reads a whole segment as recovery does: while len > 0 and position, incarnation and (where set) sum hold. It calls f, if
// not nil, for each frame but PADs. Stopped tells torn or open ends apart; the returned error is for segments that are no
// segments, and for footers that contradict the frames (ErrCorrupt). b is untrusted and not changed.
func ScanSegment(b []byte, f func(offset int, h frame.Header)) (SegmentScan, error) {
	var s SegmentScan
	var err error
	if s.Header, err = DecodeSegmentHeader(b); err != nil {
		return s, err
	}
	if len(b) != s.Header.Bytes {
		return s, fmt.Errorf("%w: segment of %d bytes, its header says %d", ErrCorrupt, len(b), s.Header.Bytes)
	}
	s.Checkpoint = latestCheckpoint(b)
	footer, footerErr := parseFooter(b)
	sealable := footerErr == nil && footer.number == s.Header.Number && footer.incarnation == s.Header.Incarnation
	for s.End = SegmentHeaderLen; ; {
		h, err := s.frameAt(b)
		if err != nil {
			if !errors.Is(err, errUnwritten) {
				s.Stopped = fmt.Errorf("offset %d: %w", s.End, err)
			}
			return s, nil
		}
		if h.Type == frame.Pad && sealable && s.End == footer.end && s.End+int(h.Len) == footer.offset {
			s.Sealed = true
			return s, footer.check(b, s.Frames)
		}
		if h.Type != frame.Pad {
			s.Frames++
			if f != nil {
				f(s.End, h)
			}
		}
		s.End += h.Padded()
	}
}

// errUnwritten means that a scan came to where nothing was written or claimed yet.
var errUnwritten = errors.New("nothing written")

// frameAt judges the frame at s.End.
func (s *SegmentScan) frameAt(b []byte) (h frame.Header, err error) {
	room := b[s.End:min(len(b), len(b)-trailerLen)]
	if len(room) < frame.HeaderLen || le64(room) == 0 {
		return h, errUnwritten
	}
	h = frame.DecodeHeader(room)
	if err := h.Valid(len(room)); err != nil {
		return h, err
	}
	y, _ := NewLayout(s.Header.Bytes) // checked with the header
	want := y.Join(s.Header.Number, s.End)
	switch {
	case s.Header.Relay: // frames tell where they were, not where they are
	case h.Pos != want:
		return h, fmt.Errorf("%w: frame says it is at %d, want %d", ErrCorrupt, h.Pos, want)
	case h.Incarnation != s.Header.Incarnation:
		return h, fmt.Errorf("%w: frame of incarnation %d, want %d", ErrCorrupt, h.Incarnation, s.Header.Incarnation)
	}
	return h, frame.VerifySum(room[:h.Len])
}

// check compares a footer with the frames it speaks of, which were scanned: each entry a frame of the chain, inside its ticks.
func (v *footerView) check(mem []byte, frames int) error {
	if frames != v.frames {
		return fmt.Errorf("%w: footer of %d frames, the segment has %d", ErrCorrupt, v.frames, frames)
	}
	for i := range v.chains {
		c, first := v.chain(i)
		last := 0
		for j := first; j < first+c.frames; j++ {
			offset := v.entry(j)
			if offset <= last || offset < SegmentHeaderLen || offset%frame.Align != 0 || offset >= v.end {
				return fmt.Errorf("%w: footer: frame at %d after %d", ErrCorrupt, offset, last)
			}
			last = offset
			h := frame.DecodeHeader(mem[offset:])
			if h.Chain() != c.chain || h.Tick < c.min || h.Tick > c.max {
				return fmt.Errorf("%w: footer: frame at %d of %v tick %d among %v ticks %d to %d",
					ErrCorrupt, offset, h.Chain(), h.Tick, c.chain, c.min, c.max)
			}
		}
	}
	return nil
}
