package measure

// Axis is a quantity in which workloads that are otherwise the same differ: the horizontal axis of a plot.
type Axis string

// The axes. Along Percentile the values are latencies in ms; along the others they have the unit of their workload.
const (
	ByTasks      Axis = "tasks"
	ByFrameBytes Axis = "frame bytes"
	ByRowBytes   Axis = "row bytes"
	ByCores      Axis = "cores"
	ByPercentile Axis = "percentile"
)

// Point says where a value of a workload stands on the plot of an axis. A workload may have many: one that measures 16, 256 and 3,000 tasks
// in one session has three, each with its own ratio.
type Point struct {
	By Axis    `json:"by"`
	At float64 `json:"at"` // 3000 tasks, 128 << 10 frame bytes, 99.9 percent
	// Of is the name of a ratio; empty: the median.
	Of string `json:"of,omitempty"`
	// Line joins points, also of several workloads; empty: the name of the workload.
	Line string `json:"line,omitempty"`
}
