package state

import "slices"

// timeHeap is a binary min-heap of blocks by a time. Each block knows its place, so that keys can change and blocks leave from anywhere.
// Blocks that arrive in time order are pushed in constant time.
type timeHeap struct {
	which int // index of the place in blockHeader.place
	items []timeItem
}

// notIndexed is the place of a block that is out of the heap.
const notIndexed = 1<<32 - 1

type timeItem struct {
	time  int64
	block ref
}

func (h *timeHeap) min() (timeItem, bool) {
	if len(h.items) == 0 {
		return timeItem{}, false
	}
	return h.items[0], true
}

func (h *timeHeap) push(s *space, t int64, b ref) {
	h.items = append(h.items, timeItem{})
	h.up(s, len(h.items)-1, timeItem{t, b})
}

// set changes the time of a block.
func (h *timeHeap) set(s *space, b ref, t int64) {
	i := int(headerOf(s, b).place[h.which])
	if t <= h.items[i].time {
		h.up(s, i, timeItem{t, b})
	} else {
		h.down(s, i, timeItem{t, b})
	}
}

func (h *timeHeap) timeOf(s *space, b ref) int64 { return h.items[headerOf(s, b).place[h.which]].time }

func (h *timeHeap) remove(s *space, b ref) {
	i := int(headerOf(s, b).place[h.which])
	last := len(h.items) - 1
	moved := h.items[last]
	h.items = h.items[:last]
	if cap(h.items) > 1024 && last < cap(h.items)/4 {
		h.items = slices.Clip(slices.Clone(h.items))
	}
	if i == last {
		return
	}
	if i > 0 && moved.time < h.items[(i-1)/2].time {
		h.up(s, i, moved)
	} else {
		h.down(s, i, moved)
	}
}

func (h *timeHeap) put(s *space, i int, x timeItem) {
	h.items[i] = x
	headerOf(s, x.block).place[h.which] = uint32(i)
}

func (h *timeHeap) up(s *space, i int, x timeItem) {
	for i > 0 {
		p := (i - 1) / 2
		if h.items[p].time <= x.time {
			break
		}
		h.put(s, i, h.items[p])
		i = p
	}
	h.put(s, i, x)
}

func (h *timeHeap) down(s *space, i int, x timeItem) {
	for {
		c := 2*i + 1
		if c >= len(h.items) {
			break
		}
		if c+1 < len(h.items) && h.items[c+1].time < h.items[c].time {
			c++
		}
		if x.time <= h.items[c].time {
			break
		}
		h.put(s, i, h.items[c])
		i = c
	}
	h.put(s, i, x)
}
