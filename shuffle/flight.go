package shuffle

import (
	"slices"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// flight is the frames whose memory itself was handed to the kernel, not a copy, and which the peer may not have read yet. They stay leased until
// it has closed their ticks.
//
// What is leased can be neither used again nor spilled, and a tick that is open may be larger than the arena. So segments are counted, and each
// log has as many more in reserve (flightSegments): beyond that, frames are copied.
//
// Invariants:
//   - segments has at most most entries of each log
//   - an entry counts the frames of its segment that are in frames, or lent and kept
type flight struct {
	most     int
	segments []flownSegment
	frames   []lentFrame
}

// flownSegment is a segment that frames of a flight lie in.
type flownSegment struct {
	log    netio.LogID
	number ringlog.SegmentNumber
	frames int
}

// lentFrame is a frame that a link was lent.
type lentFrame struct {
	lease  ringlog.Lease
	edge   frame.EdgeID
	ref    netio.Ref
	number ringlog.SegmentNumber // that it lies in
	kept   bool                  // beyond Sent
}

// admit counts a frame, if its segment may be counted.
func (f *flight) admit(l *lentFrame) bool {
	others := 0
	for i := range f.segments {
		switch s := &f.segments[i]; {
		case s.log != l.ref.Log:
		case s.number == l.number:
			s.frames++
			return true
		default:
			others++
		}
	}
	if others >= f.most {
		return false
	}
	f.segments = append(f.segments, flownSegment{l.ref.Log, l.number, 1})
	return true
}

// forget ends what admit began.
func (f *flight) forget(l *lentFrame) {
	i := slices.IndexFunc(f.segments, func(s flownSegment) bool { return s.log == l.ref.Log && s.number == l.number })
	if f.segments[i].frames--; f.segments[i].frames == 0 {
		f.segments = slices.Delete(f.segments, i, i+1)
	}
}

// land takes the frames of an edge with ticks up to upTo out of the flight, and appends their leases, which the caller releases.
func (f *flight) land(e frame.EdgeID, upTo frame.Tick, landed []ringlog.Lease) []ringlog.Lease {
	n := 0
	for _, l := range f.frames {
		if l.edge == e && l.ref.Tick <= upTo {
			f.forget(&l)
			landed = append(landed, l.lease)
			continue
		}
		f.frames[n] = l
		n++
	}
	clear(f.frames[n:])
	f.frames = f.frames[:n]
	return landed
}

// Keep implements netio.Keeper: DATA frames in memory are kept, as long as they lie in few enough segments.
func (o *outgoing) Keep(i int) bool {
	if len(o.begins) > 0 {
		i-- // the first piece
	}
	if i < 0 || o.lent[i].ref.Type != frame.Data || !o.lent[i].lease.InMemory() {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	l := &o.lent[i]
	l.kept = o.mu.flight.admit(l)
	return l.kept
}

// Sent returns the leases of the last Gather, but for frames that are kept, whether the connection still stands or not: of one that was cut, the peer
// may read what had arrived.
func (o *outgoing) Sent(error) {
	o.mu.Lock()
	n := 0
	for _, l := range o.lent {
		if l.kept && l.ref.Tick > o.mu.queues[l.edge].Closed() {
			o.mu.flight.frames = append(o.mu.flight.frames, l)
			continue
		}
		if l.kept {
			o.mu.flight.forget(&l)
		}
		o.lent[n] = l
		n++
	}
	o.mu.Unlock()
	for _, l := range o.lent[:n] {
		l.lease.Release()
	}
	clear(o.lent)
	o.lent = o.lent[:0]
}

// land releases what the peer has closed by a grant.
func (o *outgoing) land(g wire.Grant) {
	o.mu.Lock()
	o.landed = o.mu.flight.land(g.Edge, g.Closed, o.landed)
	o.mu.Unlock()
	for _, l := range o.landed {
		l.Release()
	}
	clear(o.landed)
	o.landed = o.landed[:0]
}

// ground releases everything. The links have stopped.
func (o *outgoing) ground() {
	for _, l := range o.mu.flight.frames {
		l.lease.Release()
	}
	o.mu.flight = flight{}
}

// leastReserve is what a core's log can always have besides what is on its way to peers: a segment that is open, and one that is waited for.
const leastReserve = 2

// flightBytes is about the most that a link keeps: more than what fits the buffers of both ends brings nothing.
const flightBytes = 8 << 20

// flightSegments is how many segments of each core's log the flight to each peer may have: all of them together have half of what the arena has
// beyond what its logs need.
func (cfg *ExchangeConfig) flightSegments() int {
	peers := cfg.Cluster.Nodes - 1
	if peers == 0 || cfg.FrameBytes < netio.SpliceBytes {
		return 0
	}
	spare := cfg.Arena.Stats().LimitSegments - cfg.Cluster.Cores*leastReserve - peers*max(leastReserve, cfg.ReceiveReserve)
	return max(0, min(spare/2/(cfg.Cluster.Cores*peers), flightBytes/cfg.Arena.Layout().Bytes))
}
