package datadir

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/state/snapshot"
)

// Held is what a worker keeps in its directory.
type Held struct {
	Units []HeldUnit // by stage
	// WrittenBytes of images took WritingTime, from when their turn came until they were read back and counted.
	WrittenBytes uint64
	WritingTime  time.Duration
}

// HeldUnit is what is kept of the tasks of a stage.
type HeldUnit struct {
	Stage       int
	Images      int
	ImageBytes  uint64 // of all images
	NewestBytes uint64 // of what a restore of the newest reads
	First, Last frame.Tick
	Journal     *journal.Stats // nil: no source
}

// keeping follows what is kept.
type keeping struct {
	mu       sync.Mutex
	entries  map[int][]snapshot.Entry // by stage
	journals map[int]*journal.Journal
	written  uint64
	writing  time.Duration
	idle     time.Time // when the writer had written the image before
}

// images notes the images of a stage.
func (k *keeping) images(stage int, entries []snapshot.Entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.entries == nil {
		k.entries = map[int][]snapshot.Entry{}
	}
	k.entries[stage] = entries
}

// journal notes the journal of a stage.
func (k *keeping) journal(stage int, j *journal.Journal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.journals == nil {
		k.journals = map[int]*journal.Journal{}
	}
	k.journals[stage] = j
}

// wrote notes that an image which was submitted at a time is written. Called by the writer's goroutine, which writes one after the other.
func (k *keeping) wrote(e snapshot.Entry, submitted time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if k.idle.After(submitted) {
		submitted = k.idle
	}
	k.written, k.writing, k.idle = k.written+uint64(e.Bytes), k.writing+now.Sub(submitted), now
}

// Held may be called at any time, from any goroutine.
func (d *Dir) Held() Held {
	k := &d.held
	k.mu.Lock()
	defer k.mu.Unlock()
	h := Held{WrittenBytes: k.written, WritingTime: k.writing}
	for _, stage := range slices.Sorted(maps.Keys(k.entries)) {
		u := HeldUnit{Stage: stage, Images: len(k.entries[stage])}
		for i, e := range k.entries[stage] {
			if u.ImageBytes += uint64(e.Bytes); e.Full {
				u.NewestBytes = 0
			}
			if u.NewestBytes += uint64(e.Bytes); i == 0 {
				u.First = e.Tick
			}
			u.Last = e.Tick
		}
		if j := k.journals[stage]; j != nil {
			s := j.Stats()
			u.Journal = &s
		}
		h.Units = append(h.Units, u)
	}
	return h
}
