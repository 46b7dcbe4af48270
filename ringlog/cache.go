package ringlog

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// block is a piece of the spill file in memory. The cache holds one reference, each lease another; a block at zero is over.
type block struct {
	buf   []byte
	refs  atomic.Int32
	cache *blockCache
}

// ref takes a reference, unless the last one is gone already.
func (b *block) ref() bool {
	for {
		n := b.refs.Load()
		if n == 0 {
			return false
		}
		if b.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (b *block) unref() {
	switch n := b.refs.Add(-1); {
	case n == 0:
		b.cache.bytes.Add(-int64(len(b.buf)))
		b.cache.recycle(b.buf)
		b.buf = nil
	case n < 0:
		panic("ringlog: lease released twice")
	}
}

// blockKey names a block: a spilled unit's id and the number of the block in it.
type blockKey struct {
	id    uint64
	block uint32
}

// hash is unique: a segment of the greatest size has fewer blocks than 2^20, and ids count from 1.
func (k blockKey) hash() uint64 { return k.id<<20 | uint64(k.block) }

const _ = uint(1<<20 - 2*MaxSegmentBytes/spillBlockBytes - 1)

// blockCache keeps blocks that were read lately. It is made at the first read, since it starts a goroutine.
type blockCache struct {
	limit              int64
	reads, hits, bytes atomic.Int64

	mu struct {
		sync.RWMutex // read-locked while c is used: ristretto must not be used while it closes
		c            *ristretto.Cache[uint64, *block]
		closed       bool
	}
	buffers struct {
		sync.Mutex
		spare [][]byte
	}
}

func (c *blockCache) open() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.c != nil || c.mu.closed {
		return nil
	}
	var err error
	c.mu.c, err = ristretto.NewCache(&ristretto.Config[uint64, *block]{
		NumCounters:        max(100, 10*c.limit/spillBlockBytes),
		MaxCost:            c.limit,
		BufferItems:        64,
		IgnoreInternalCost: true,
		OnExit: func(b *block) {
			if b != nil {
				b.unref()
			}
		},
	})
	return err
}

// get returns a referenced block, or nil.
func (c *blockCache) get(k blockKey) *block {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.mu.c == nil || c.mu.closed {
		return nil
	}
	if b, ok := c.mu.c.Get(k.hash()); ok && b != nil && b.ref() {
		c.hits.Add(1)
		return b
	}
	return nil
}

// offer gives the cache a reference, if it wants one.
func (c *blockCache) offer(k blockKey, b *block) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.mu.c == nil || c.mu.closed {
		return
	}
	b.refs.Add(1)
	if !c.mu.c.Set(k.hash(), b, int64(len(b.buf))) {
		b.unref()
	}
}

func (c *blockCache) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.c != nil && !c.mu.closed {
		c.mu.c.Close()
	}
	c.mu.closed = true
}

// buffer returns n bytes, 64-byte aligned or better as large allocations are, with whatever they held before.
func (c *blockCache) buffer(n int) []byte {
	p := &c.buffers
	p.Lock()
	defer p.Unlock()
	for i, b := range p.spare {
		if cap(b) >= n {
			last := len(p.spare) - 1
			p.spare[i], p.spare = p.spare[last], p.spare[:last]
			return b[:n]
		}
	}
	return make([]byte, n, max(n, spillBlockBytes))
}

// recycle keeps a few buffers of the common size.
func (c *blockCache) recycle(b []byte) {
	p := &c.buffers
	p.Lock()
	defer p.Unlock()
	if cap(b) == spillBlockBytes && len(p.spare) < 8 {
		p.spare = append(p.spare, b[:0])
	}
}

// block returns a referenced block, from the cache or from the file. still is asked after the file was read: whether the
// extent still belonged to the unit; else what was read may be another's.
func (s *spillStore) block(k blockKey, from int64, length int, still func() bool) (*block, error) {
	if b := s.cache.get(k); b != nil {
		return b, nil
	}
	if err := s.cache.open(); err != nil {
		return nil, fmt.Errorf("cache of spilled blocks: %w", err)
	}
	buf := s.cache.buffer(length)
	_, err := s.file.ReadAt(buf, from)
	s.cache.reads.Add(1)
	if !still() {
		s.cache.recycle(buf)
		return nil, ErrTrimmed
	}
	if err == nil {
		err = checkBlock(buf)
	}
	if err != nil {
		s.cache.recycle(buf)
		return nil, fmt.Errorf("spill file at %d, %d bytes: %w", from, length, err)
	}
	b := &block{buf: buf, cache: s.cache}
	b.refs.Store(1)
	s.cache.bytes.Add(int64(length))
	s.cache.offer(k, b)
	return b, nil
}

// checkBlock walks the frames of a block that came from disk and checks their sums, where they have one.
func checkBlock(buf []byte) error {
	for rest := buf; len(rest) > 0; {
		if len(rest) < frame.HeaderLen {
			return fmt.Errorf("%w: %d bytes after the last frame", ErrCorrupt, len(rest))
		}
		h := frame.DecodeHeader(rest)
		if err := h.Valid(len(rest)); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		if err := frame.VerifySum(rest[:h.Len]); err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		rest = rest[min(h.Padded(), len(rest)):]
	}
	return nil
}
