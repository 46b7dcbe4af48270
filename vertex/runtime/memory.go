package runtime

import (
	"slices"
	"sync"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
)

// memory is a journal that remembers what nobody has trimmed, for shadow runs.
type memory struct {
	Journal
	mu struct {
		sync.Mutex
		records []journal.Record
		trimmed frame.Tick
	}
}

func remember(j Journal, before []journal.Record) *memory {
	m := &memory{Journal: j}
	m.mu.records = slices.Clone(before)
	return m
}

// Append implements Journal. Input is not remembered: nobody who has any can be read a second time.
func (m *memory) Append(r journal.Record) (uint64, error) {
	n, err := m.Journal.Append(r)
	if err != nil || r.Input != nil {
		return n, err
	}
	r = r.Clone()
	r.Number = n
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.records = append(m.mu.records, r)
	return n, nil
}

// Trim implements Journal.
func (m *memory) Trim(t frame.Tick) {
	m.Journal.Trim(t)
	m.mu.Lock()
	defer m.mu.Unlock()
	if t <= m.mu.trimmed {
		return
	}
	m.mu.trimmed = t
	m.mu.records = slices.DeleteFunc(m.mu.records, func(r journal.Record) bool { return r.Last <= t })
}

// all are the records, those of a task in the order of their ticks.
func (m *memory) all() []journal.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mu.records)
}
