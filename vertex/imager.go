package vertex

import "github.com/streamscope/streamscope/state"

// Imager is a vertex that can hold its state still without copying it: frozen parts, which others write down while it goes on.
type Imager interface {
	Vertex
	// Image writes what is small to w and freezes the rest, as it is after the last Close. Parts ascend by id; an id is less than 2^32 and stays
	// with a part while that lives. The caller releases them; on an error there are none. state.ErrFrozen says that too many images are alive:
	// this one is left out.
	Image(w SnapshotWriter) ([]state.Part, error)
	// LoadImage is Load for what Image gave: the vertex is the one that a Load of GetSnapshot would have made. The parts are those of Image, no
	// more and no less; errors are as for Load, or those of reading a part.
	LoadImage(r SnapshotReader, parts []state.StoredPart) error
}
