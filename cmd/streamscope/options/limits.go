package options

import "fmt"

// Defaults of the sizes.
const (
	DefaultSegment = 4 * MiB
	DefaultFrame   = 256 * KiB
	DefaultCredit  = 4 * MiB
	DefaultArena   = 1 * GiB
	DefaultTick    = 1 * MiB
)

// Bounds of the sizes, and the relations between them.
const (
	SegmentMin = 64 * KiB
	SegmentMax = 1 * GiB
	FrameMin   = 4 * KiB
	CreditMin  = 4 * KiB

	// SegmentOverhead is what the header and the footer of a segment may take; a frame must fit the rest.
	SegmentOverhead = 8 * KiB
	// ArenaSegments is how many segments an arena must hold: each log has one that it writes, and two are populated ahead.
	ArenaSegments = 8
)

// sizes are the four sizes that depend on each other, each given or not.
type sizes struct {
	segment, frame, credit, arena Size
	given                         struct{ segment, frame, credit, arena bool }
}

// clamp fills in those that were not given so that they fit those that were. It leaves given ones alone: conflicts finds what they violate.
func (s *sizes) clamp() {
	if !s.given.arena {
		s.arena = DefaultArena
		if s.given.segment {
			s.arena = max(s.arena, ArenaSegments*s.segment)
		}
	}
	if !s.given.segment {
		s.segment = DefaultSegment
		for s.segment > SegmentMin && s.segment*ArenaSegments > s.arena {
			s.segment /= 2
		}
		for s.given.frame && s.segment < SegmentMax && s.frame > s.segment-SegmentOverhead {
			s.segment *= 2
		}
		if s.given.frame && !s.given.arena {
			s.arena = max(s.arena, ArenaSegments*s.segment)
		}
	}
	if !s.given.frame {
		// A quarter, so that a segment's end wastes little.
		s.frame = min(DefaultFrame, (s.segment-SegmentOverhead)/4&^63)
		if s.given.credit {
			s.frame = max(FrameMin, min(s.frame, s.credit&^63))
		}
	}
	if !s.given.credit {
		s.credit = max(min(DefaultCredit, s.arena/2), s.frame)
	}
}

// conflicts names the relations that do not hold, each once, with the flags that were given.
func (s *sizes) conflicts() []error {
	var out []error
	add := func(format string, args ...any) { out = append(out, fmt.Errorf(format, args...)) }
	if s.segment < SegmentMin || s.segment > SegmentMax || s.segment&(s.segment-1) != 0 {
		add("--segment-bytes: got %v, want a power of two from %v to %v", s.segment, SegmentMin, SegmentMax)
		return out
	}
	if s.frame < FrameMin {
		add("--frame-bytes: got %v, want at least %v", s.frame, FrameMin)
	}
	if s.credit < CreditMin {
		add("--credit-bytes: got %v, want at least %v", s.credit, CreditMin)
	}
	if s.arena < ArenaSegments*SegmentMin {
		add("--arena: got %v, want at least %v", s.arena, ArenaSegments*SegmentMin)
		return out
	}
	if s.frame > s.segment-SegmentOverhead {
		switch {
		case s.given.segment:
			add("--frame-bytes %v does not fit --segment-bytes %v: a frame may have at most %v there", s.frame, s.segment, s.segment-SegmentOverhead)
		case s.given.arena && s.frame <= SegmentMax-SegmentOverhead:
			add("--frame-bytes %v needs segments for which --arena %v is too small", s.frame, s.arena)
		default:
			add("--frame-bytes: got %v, want at most %v", s.frame, SegmentMax-SegmentOverhead)
		}
	} else if s.arena < ArenaSegments*s.segment {
		if s.given.segment {
			add("--arena %v does not hold %d segments of --segment-bytes %v: it needs %v", s.arena, ArenaSegments, s.segment, ArenaSegments*s.segment)
		} else {
			add("--arena %v is too small for --frame-bytes %v: it needs %v", s.arena, s.frame, ArenaSegments*s.segment)
		}
	}
	if s.given.credit && s.frame > s.credit && s.credit >= CreditMin {
		add("--credit-bytes %v is less than one frame of --frame-bytes %v", s.credit, s.frame)
	}
	if s.given.credit && s.credit > s.arena {
		add("--credit-bytes %v is more than --arena %v holds", s.credit, s.arena)
	}
	return out
}
