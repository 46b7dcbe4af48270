package runtime

import (
	"maps"
	"sync"
)

// byStage is what a node has of some of its stages. It may be used by any goroutine.
type byStage[T any] struct {
	mu  sync.Mutex
	has map[int]T
}

// all is a copy of what there is now.
func (b *byStage[T]) all() map[int]T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.has)
}

func (b *byStage[T]) add(stage int, v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.has == nil {
		b.has = map[int]T{}
	}
	b.has[stage] = v
}
