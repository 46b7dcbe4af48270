package ringlog

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// SpillFile is what the arena needs of its spill file, see ArenaConfig.OpenSpill. Reads may come from any goroutine, the rest from that of Step.
type SpillFile interface {
	WriteAt(b []byte, off int64) (int, error)
	ReadAt(b []byte, off int64) (int, error)
	Truncate(size int64) error
	Close() error
}

// createUnlinked creates a file without a name: whatever happens to the process, its room comes back.
func createUnlinked(dir string) (SpillFile, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), dir+"/(spill)"), nil
	}
	f, err := os.CreateTemp(dir, "spill-*") // a file system without O_TMPFILE, or no such directory
	if err != nil {
		return nil, fmt.Errorf("spill directory: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("spill directory: %w", err), f.Close())
	}
	return f, nil
}

// extent is a range of the spill file.
type extent struct{ off, len int64 }

func (e extent) end() int64 { return e.off + e.len }

// spillStore is an arena's spill file, the map of its room, and the cache of blocks read back.
type spillStore struct {
	file  SpillFile
	cache *blockCache
	ids   atomic.Uint64

	mu struct {
		sync.Mutex
		unused   []extent // ascending, never touching each other, none at the end
		size     int64    // Invariant: every extent in use or unused lies below it
		fileSize int64    // what the file may have grown to
		segments int
		bytes    int64
		failing  bool
		closed   bool
	}
}

func newSpillStore(cfg ArenaConfig) (*spillStore, error) {
	file, err := cfg.OpenSpill()
	if err != nil {
		return nil, err
	}
	return &spillStore{file: file, cache: &blockCache{limit: cfg.CacheBytes}}, nil
}

func (s *spillStore) nextID() uint64 { return s.ids.Add(1) }

// alloc takes the first unused extent that is large enough, or grows the file.
func (s *spillStore) alloc(n int64) extent {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.mu.unused {
		u := &s.mu.unused[i]
		if u.len < n {
			continue
		}
		e := extent{u.off, n}
		u.off, u.len = u.off+n, u.len-n
		if u.len == 0 {
			s.mu.unused = slices.Delete(s.mu.unused, i, i+1)
		}
		return e
	}
	e := extent{s.mu.size, n}
	s.mu.size += n
	s.mu.fileSize = max(s.mu.fileSize, s.mu.size)
	return e
}

// free gives an extent back; neighbours merge, the end of the file shrinks.
func (s *spillStore) free(e extent) {
	if e.len == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.mu.unused
	i, _ := slices.BinarySearchFunc(u, e.off, func(x extent, off int64) int { return int(min(max(x.off-off, -1), 1)) })
	u = slices.Insert(u, i, e)
	if i+1 < len(u) && u[i].end() == u[i+1].off {
		u[i].len += u[i+1].len
		u = slices.Delete(u, i+1, i+2)
	}
	if i > 0 && u[i-1].end() == u[i].off {
		u[i-1].len += u[i].len
		u = slices.Delete(u, i, i+1)
	}
	if k := len(u) - 1; u[k].end() == s.mu.size {
		s.mu.size = u[k].off
		u = u[:k]
	}
	s.mu.unused = u
}

// count counts segments and bytes that came or went.
func (s *spillStore) count(segments int, bytes int64) {
	s.mu.Lock()
	s.mu.segments += segments
	s.mu.bytes += bytes
	s.mu.Unlock()
}

// release frees the extent of a spilled segment.
func (s *spillStore) release(e extent) {
	s.free(e)
	s.count(-1, -e.len)
}

// shrink truncates the file to what is used. Only Step calls it and alloc, so nobody writes meanwhile.
func (s *spillStore) shrink() (worked bool) {
	s.mu.Lock()
	size, worked := s.mu.size, s.mu.fileSize > s.mu.size
	s.mu.fileSize = size
	s.mu.Unlock()
	if worked {
		_ = s.file.Truncate(size) // room that is not given back now is used again later
	}
	return worked
}

// report tells of the first of a row of failures.
func (s *spillStore) report(tell func(error), err error) {
	s.mu.Lock()
	first := err != nil && !s.mu.failing
	s.mu.failing = err != nil
	s.mu.Unlock()
	if first {
		tell(err)
	}
}

func (s *spillStore) inTrouble() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.failing
}

func (s *spillStore) stats(st *Stats) {
	s.mu.Lock()
	st.SpilledSegments, st.SpilledBytes, st.SpillFileBytes = s.mu.segments, s.mu.bytes, s.mu.fileSize
	s.mu.Unlock()
	st.BlockReads, st.BlockHits, st.CachedBytes = s.cache.reads.Load(), s.cache.hits.Load(), s.cache.bytes.Load()
}

func (s *spillStore) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return nil
	}
	s.mu.closed = true
	s.cache.close()
	return s.file.Close()
}
