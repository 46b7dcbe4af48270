package frame

import (
	"fmt"
	"math"
)

// Tick numbers a slice of a job's input, cut at the sources. Ticks count from 1; 0 means "before the first".
// A tick is not event time.
type Tick uint64

// MaxTick closes everything: a source task that has ended closes up to MaxTick.
const MaxTick Tick = math.MaxUint64

// Index counts the rows of one channel inside one tick, from 0.
type Index uint32

// Position is rStream's sequence number of a row in its channel. The two fields are never packed into one word:
// a derived channel may hold more rows in a tick than any packing leaves room for.
type Position struct {
	Tick  Tick
	Index Index
}

// Less orders positions of one channel.
func (p Position) Less(q Position) bool {
	return p.Tick < q.Tick || (p.Tick == q.Tick && p.Index < q.Index)
}

func (p Position) String() string { return fmt.Sprintf("%d.%d", p.Tick, p.Index) }

// Pos is a byte position in a log: absolute, never wraps, a multiple of Align for every frame.
// Segment number and offset inside the segment follow by division (Layout.Split in package ringlog).
type Pos uint64

// TaskID numbers the tasks of a job; the tasks of one stage are a contiguous range.
type TaskID uint32

// EdgeID numbers the edges of a job's physical plan.
type EdgeID uint32

// NodeID numbers the nodes (worker processes) of a cluster.
type NodeID uint32

// CoreID numbers the worker cores of one node.
type CoreID uint16

// Incarnation counts the lives of a task, node or log and fences the dead ones.
type Incarnation uint32

// CTI is a current time increment in microseconds, UTC: no later event of the stream has Vs below it (a watermark).
type CTI int64

const (
	// MinCTI promises nothing.
	MinCTI CTI = math.MinInt64
	// SameCTI, in a close, is the CTI that the task had before: an idle stage closes for all its tasks in one entry.
	SameCTI = MinCTI
	// MaxCTI promises that no event follows.
	MaxCTI CTI = math.MaxInt64
)

// Chain names the frames of one (edge, destination node) in a log.
type Chain struct {
	Edge EdgeID
	Node NodeID
}

func (c Chain) String() string { return fmt.Sprintf("edge %d to node %d", c.Edge, c.Node) }
