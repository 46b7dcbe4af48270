package partition

import (
	"fmt"
	"math/bits"
)

// Group is a key group: what state is moved and rescaled by.
type Group uint32

const (
	minGroups     = 4096
	groupsPerTask = 16
	// MaxTasks bounds the tasks of a stage, so that key groups fit the top bits that a routing table is made for.
	MaxTasks = 1 << 20
)

// KeyGroups is the number of key groups of a job whose widest stage has the given number of tasks:
// max(4096, next power of two >= 16 x tasks).
func KeyGroups(tasks int) int {
	return max(minGroups, 1<<bits.Len(uint(groupsPerTask*tasks-1)))
}

// Routing maps hashes to the tasks of one stage (0, 1, …): contiguous ranges of key groups, as equal as can be.
type Routing struct {
	shift uint8
	tasks int
	task  []uint32 // by group
}

// NewRouting spreads groups (a power of two, at least tasks) over tasks.
func NewRouting(groups, tasks int) (*Routing, error) {
	if tasks < 1 || tasks > MaxTasks {
		return nil, fmt.Errorf("routing: %d tasks, want 1 to %d", tasks, MaxTasks)
	}
	if groups < tasks || groups < 2 || groups&(groups-1) != 0 || groups > groupsPerTask*2*MaxTasks {
		return nil, fmt.Errorf("routing: %d key groups for %d tasks, want a power of two, at least as many", groups, tasks)
	}
	r := &Routing{shift: uint8(64 - bits.TrailingZeros(uint(groups))), tasks: tasks, task: make([]uint32, groups)}
	for t := range tasks {
		first, end := r.Groups(t)
		for g := first; g < end; g++ {
			r.task[g] = uint32(t)
		}
	}
	return r, nil
}

// Group is the key group of a hash.
func (r *Routing) Group(hash uint64) Group { return Group(hash >> r.shift) }

// Task is the task, counted within its stage, that owns the hash.
func (r *Routing) Task(hash uint64) int { return int(r.task[hash>>r.shift]) }

// Groups is the range [first, end) of key groups that a task owns.
func (r *Routing) Groups(task int) (first, end Group) {
	n := uint64(len(r.task))
	return Group(uint64(task) * n / uint64(r.tasks)), Group(uint64(task+1) * n / uint64(r.tasks))
}

// RouteInts stores the task of each key in dst, which must be as long: Route of the hashes of a column of 8-byte integers without nulls, in
// one pass.
func (r *Routing) RouteInts(keys []int64, dst []uint32) {
	table, shift := r.task, r.shift&63
	dst = dst[:len(keys)]
	for i, k := range keys {
		dst[i] = table[mixTop(uint64(k))>>shift]
	}
}

// Route stores the task of each hash in dst, which must be as long.
func (r *Routing) Route(hashes []uint64, dst []uint32) {
	table, shift := r.task, r.shift&63
	dst = dst[:len(hashes)]
	for i, h := range hashes {
		dst[i] = table[h>>shift]
	}
}
