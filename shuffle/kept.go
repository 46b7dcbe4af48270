package shuffle

import (
	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Kept is what the logs of a node keep of an edge for another node, which may ask for it again.
type Kept struct {
	Edge        frame.EdgeID
	Node        frame.NodeID
	Bytes       uint64 // of frames, unpadded
	Spilled     uint64 // of Bytes: on disk
	Frames      uint64
	First, Last frame.Tick // that frames are of
	Ends        frame.Tick // the first that a frame ends with: it is above what was needed last
	Dropped     frame.Tick // up to which they were dropped early; 0: none were
}

// Kept appends what is kept for other nodes, for each edge and node of which there is anything. It may be called from anywhere; it looks at
// every frame, so seldom. Only with ExchangeConfig.Retain there is anything.
func (x *Exchange) Kept(all []Kept) []Kept {
	var pieces []piece
	for _, o := range x.peers {
		if o == nil {
			continue
		}
		for _, e := range o.mu.ids {
			k := Kept{Edge: e, Node: o.to}
			k, pieces = o.keeps(k, x.cfg.Arena.Layout(), pieces[:0])
			for _, p := range pieces {
				if !x.ports[p.log].log.InMemory(p.pos) {
					k.Spilled += p.bytes
				}
			}
			if k.Frames > 0 {
				all = append(all, k)
			}
		}
	}
	return all
}

// piece is some kept frames of one segment.
type piece struct {
	log     netio.LogID
	segment ringlog.SegmentNumber
	pos     frame.Pos // of one of them
	bytes   uint64
}

// keeps adds up the frames of an edge, and groups neighbours by segment.
func (o *outgoing) keeps(k Kept, layout ringlog.Layout, pieces []piece) (Kept, []piece) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.kept == nil {
		return k, pieces
	}
	newest := map[netio.LogID]int{} // piece of each log
	k.Dropped = o.mu.kept[k.Edge].dropped
	for _, r := range o.mu.kept[k.Edge].refs {
		if k.Frames == 0 || r.Tick < k.First {
			k.First = r.Tick
		}
		if k.Frames == 0 || r.Last < k.Ends {
			k.Ends = r.Last
		}
		k.Frames, k.Bytes, k.Last = k.Frames+1, k.Bytes+uint64(r.Len), max(k.Last, r.Last)
		segment, _ := layout.Split(r.Pos)
		i, known := newest[r.Log]
		if !known || pieces[i].segment != segment {
			i = len(pieces)
			newest[r.Log] = i
			pieces = append(pieces, piece{log: r.Log, segment: segment, pos: r.Pos})
		}
		pieces[i].bytes += uint64(r.Len)
	}
	return k, pieces
}
