package shuffle

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// CopyID names what is copied together: the frames of an edge for one other node, from the log of one core.
type CopyID struct {
	Edge frame.EdgeID
	Node frame.NodeID // they are for
	Core frame.CoreID // that wrote them
}

func (c CopyID) String() string {
	return fmt.Sprintf("edge %d to node %d, core %d", c.Edge, c.Node, c.Core)
}

// Copier takes the frames of edges whose policy has Copies as they are written, so that peers hold copies of them. Copies are a cache: a
// Copier that loses some, or all, makes recovery slower and nothing else.
type Copier interface {
	// Copy is told of a frame that was committed at a position of a log, where it stays until Trim. Frames of one CopyID come in the order in which they
	// were written, from one goroutine at a time; it must not block.
	Copy(id CopyID, h *frame.Header, log *ringlog.Log, pos frame.Pos)
	// Trim says that nobody will ask any more for ticks up to t of what goes to a node on an edge. It may be called from anywhere.
	Trim(e frame.EdgeID, n frame.NodeID, t frame.Tick)
}

// copies reports whether frames of an edge are copied.
func (x *Exchange) copies(e frame.EdgeID) bool {
	return x.cfg.Copier != nil && x.edges[e].Policy.Copies > 0
}

// copyFrame tells the copier of a frame that was just committed.
func (x *Exchange) copyFrame(c frame.CoreID, h *frame.Header, pos frame.Pos) {
	copied := *h // or every frame's header would go to the heap, also where nothing is copied
	x.cfg.Copier.Copy(CopyID{h.Edge, h.Node, c}, &copied, x.ports[c].log, pos)
}
