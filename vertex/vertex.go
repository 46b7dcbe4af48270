package vertex

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// Vertex is a deterministic computation, the rVertex of StreamScope (NSDI'16): loaded with the same snapshot and executed over the
// same inputs it produces the same outputs and the same next snapshot. It must not read clocks, random numbers, the iteration order
// of Go maps or anything else outside its inputs and state.
//
// A vertex executes tick by tick. Within a tick it first gets rows, port by port, in canonical order, then one Close. Neither the
// cut of rows into batches nor the moments at which its outbox is full may change what it emits (package vertextest checks both).
//
// One goroutine calls a vertex; it never blocks, starts no goroutine, and borrows the batches it is given until it returns.
type Vertex interface {
	// Load restores the state that GetSnapshot wrote; it is called at most once, before any Execute. A vertex that was never
	// loaded is in its initial state. An error means that the snapshot is damaged or of another vertex.
	Load(r SnapshotReader) error
	// Execute takes rows of an input port and returns how many it consumed: all of them, or fewer when out was full
	// (Room returned 0); it is then called again with the rest. An error fails the task and names the row.
	Execute(port int, rows *batch.Batch, out *Outbox) (consumed int, err error)
	// Close ends the tick: every input has sent all its rows of the tick, and no later row on any port has Vs below cti.
	// It emits what is final now and returns the CTI of its output. done is false when out was full; Close is then called
	// again with the same cti until done.
	Close(cti frame.CTI, out *Outbox) (outCTI frame.CTI, done bool, err error)
	// GetSnapshot writes the state as it is after the last Close. Equal states write equal bytes.
	GetSnapshot(w SnapshotWriter) error
}

// SnapshotWriter takes a vertex's state as a sequence of values, integers little endian.
type SnapshotWriter interface {
	Uint64(v uint64)
	Bytes(b []byte) // length first
}

// SnapshotReader reads what a SnapshotWriter wrote, in the same order. After the first fault it returns zero values, and Err tells.
type SnapshotReader interface {
	Uint64() uint64
	Bytes() []byte // borrowed until the next call
	Err() error
}
