package peers

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrNoRoom means that an object does not fit beside those that are kept.
var ErrNoRoom = errors.New("no room in the memory for images at peers")

// Room bounds, in bytes, the objects of all units of a node together. Each of K others has a copy of them.
type Room struct {
	max  int64
	used atomic.Int64
}

// NewRoom makes room for so many bytes.
func NewRoom(maxBytes int64) *Room { return &Room{max: maxBytes} }

// take takes room for n bytes more, or fails with ErrNoRoom.
func (r *Room) take(n int64) error {
	if used := r.used.Add(n); used > r.max {
		r.used.Add(-n)
		return fmt.Errorf("%w: %d bytes are kept, and %d more do not fit, want at most %d", ErrNoRoom, used-n, n, r.max)
	}
	return nil
}

// hold notes n bytes (or fewer, below 0) that are there, whatever the bound.
func (r *Room) hold(n int64) { r.used.Add(n) }

// Used is how much is taken.
func (r *Room) Used() int64 { return r.used.Load() }
