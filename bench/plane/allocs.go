package plane

import "runtime/metrics"

// allocations counts the heap objects that this process allocates from a moment on.
type allocations struct {
	sample [1]metrics.Sample
	from   uint64
}

func (a *allocations) start() { a.from = a.total() }

func (a *allocations) count() uint64 { return a.total() - a.from }

// total allocates nothing itself but for the first time.
func (a *allocations) total() uint64 {
	a.sample[0].Name = "/gc/heap/allocs:objects"
	metrics.Read(a.sample[:])
	return a.sample[0].Value.Uint64()
}
