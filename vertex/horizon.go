package vertex

import "github.com/streamscope/streamscope/ringlog/frame"

// Horizon is a vertex whose state is a function of recent rows: that of an instance that was given only those is the same. The stage of such
// a vertex needs no images of its state, see Strategy in package runtime.
type Horizon interface {
	Vertex
	// Reach is the least Vs that a row of the past may have for the state after a Close with cti, or anything that follows from it, to
	// depend on it. It does not fall when cti rises. It depends on nothing but cti and the configuration.
	Reach(cti frame.CTI) int64
}
