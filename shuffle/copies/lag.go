package copies

import (
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Lag is how far a peer is behind with the copies of what goes to a node on an edge, all cores together.
type Lag struct {
	Edge   frame.EdgeID
	Node   frame.NodeID // the frames are for
	Peer   frame.NodeID // that holds them
	Linked bool         // and listens
	Bytes  uint64       // that it does not have
	Ticks  uint64       // that those are of, the greatest of all cores
	Gaps   uint64       // how often frames were left out, which could not be read
}

// Lags appends how far all peers are behind. It may be called at any time.
func (c *Copies) Lags(all []Lag) []Lag {
	at := map[Lag]int{} // by edge, node and peer
	for _, s := range c.order {
		for _, p := range s.owned.Stats().Peers {
			key := Lag{Edge: s.id.Edge, Node: s.id.Node, Peer: p.Node}
			i, known := at[key]
			if !known {
				i = len(all)
				at[key] = i
				key.Linked = true
				all = append(all, key)
			}
			l := &all[i]
			l.Linked = l.Linked && p.Linked
			l.Bytes += uint64(p.LagBytes)
			l.Ticks = max(l.Ticks, uint64(p.LagTicks))
			l.Gaps += p.Gaps
		}
	}
	return all
}
