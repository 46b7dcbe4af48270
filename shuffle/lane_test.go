package shuffle

import (
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// lead makes a shadow of the reader that reads the edge on lane 1.
func (s *shadowTest) lead() (x *testLife, shadow *Shadow, lane *testLink) {
	shadow = &Shadow{of: s.reader.Exchange, reads: []bool{true}, writes: []bool{false}}
	x = s.life(0, 1, shadow)
	s.reader.Lead(1, shadow)
	lane = &testLink{from: 1, to: 0, out: s.writer.LaneTo(0, 1), in: s.reader.LaneFrom(1, 1)}
	lane.attach(s.t)
	return x, shadow, lane
}

// leave ends what a shadow reads.
func (s *shadowTest) leave(lane *testLink) {
	s.reader.Lead(1, nil)
	if !s.reader.Led(1) {
		s.t.Error("the connection at hand ended by itself")
	}
	lane.cut()
	if s.reader.Led(1) {
		s.t.Error("the lane is led although nobody does")
	}
}

// A shadow is given what is kept and what is written meanwhile, beside the node, for which nothing changes.
func TestLaneGivesWhatIsKept(t *testing.T) {
	eachShadowTest(t, func(s *shadowTest) {
		x, _, lane := s.lead()
		s.read(x, lane, shadowTicks/2)
		s.write(s.writer, shadowTicks, shadowTicks+shadowMore)
		lane.cut()
		lane.attach(t)
		s.read(x, lane, shadowTicks+shadowMore)
		if o := s.writer.peers[0]; s.writer.Idle() || o.mu.queues[0].Closed() != shadowTicks || o.drained(0) != shadowTicks {
			t.Fatalf("closed %d, drained %d, want %d: what a shadow reads counts", o.mu.queues[0].Closed(), o.drained(0), shadowTicks)
		}
		s.leave(lane)
		s.read(s.reader, s.link, shadowTicks+shadowMore)
	})
}

// What a lane has yet to send is not dropped.
func TestLaneHoldsBack(t *testing.T) {
	eachShadowTest(t, func(s *shadowTest) {
		const half = shadowTicks / 2
		x, _, lane := s.lead()
		s.carry(lane)
		had := x.from[1].arrived(0) // as far as credit goes
		s.writer.DropEarly()
		if dropped := s.writer.peers[0].mu.kept[0].dropped; dropped > had {
			t.Fatalf("ticks up to %d were dropped, a shadow has those up to %d", dropped, had)
		}
		s.read(x, lane, half)
		s.leave(lane)
		if !s.writer.DropEarly() && had < shadowTicks || s.writer.peers[0].mu.kept[0].dropped != shadowTicks {
			t.Fatalf("ticks up to %d were dropped, want %d: nobody reads them", s.writer.peers[0].mu.kept[0].dropped, shadowTicks)
		}
	})
}

// What a shadow wants and was dropped is made again for its lane.
func TestLaneAsks(t *testing.T) {
	eachShadowTest(t, func(s *shadowTest) {
		s.writer.DropEarly()
		x, _, lane := s.lead()
		s.carry(lane)
		want := []Ask{{Edge: 0, Node: 0, Through: shadowTicks, Lane: 1}}
		if !slices.Equal(s.asked, want) {
			t.Fatalf("asked for %+v, want %+v", s.asked, want)
		}
		lost := s.writer.NewShadow(s.asked, []bool{false}, []bool{true})
		s.life(1, 1, lost)
		lane.cut()
		if !lost.Over() || s.writer.Wanted(s.asked) {
			t.Fatal("what was asked for on a connection outlives it")
		}
		lane.attach(t)
		s.carry(lane)
		y := s.life(1, 1, s.writer.NewShadow(s.asked[1:], []bool{false}, []bool{true}))
		s.write(s.writer, shadowTicks, shadowTicks+shadowMore)
		s.write(y, 0, shadowTicks)
		s.read(x, lane, shadowTicks+shadowMore)
		s.read(s.reader, s.link, shadowTicks+shadowMore)
		s.leave(lane)
	})
}

// What need has passed is not there: the shadow hears nothing more, until it begins again behind it.
func TestLaneIsLeftBehind(t *testing.T) {
	eachShadowTest(t, func(s *shadowTest) {
		const need = shadowTicks / 2
		_, shadow, lane := s.lead()
		lane.answer(t) // it is attached, and has been sent nothing
		s.writer.Need(0, 0, need)
		s.carry(lane)
		needs := func(t frame.Tick) func(frame.EdgeID) frame.Tick { return func(frame.EdgeID) frame.Tick { return t } }
		if !shadow.Behind(needs(need)) || shadow.Behind(needs(0)) || len(s.asked) != 0 {
			t.Fatalf("behind %v, want it with need %d alone; asked for %+v", shadow.Behind(needs(need)), need, s.asked)
		}
		s.leave(lane)
		_, shadow, lane = s.lead()
		lane.cut() // Need comes first, then the connection
		lane.attach(t)
		s.carry(lane)
		if !shadow.Behind(needs(need)) {
			t.Fatal("a shadow was given ticks behind need")
		}
		s.leave(lane)
	})
}

// A connection that nobody leads brings nothing.
func TestLaneWithoutReader(t *testing.T) {
	s := newShadowTest(t, 0, false)
	lane := &testLink{from: 1, to: 0, out: s.writer.LaneTo(0, 2), in: s.reader.LaneFrom(1, 2)}
	lane.attach(t)
	s.carry(lane)
	if err := lane.in.Frame(make([]byte, frame.HeaderLen)); err == nil {
		t.Error("a frame came that nobody asked for")
	}
	if s.reader.Led(2) {
		t.Error("led by nobody")
	}
}
