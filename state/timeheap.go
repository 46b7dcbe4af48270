package state

import "slices"

// timeHeap is a binary min-heap of blocks by a time. Each block has an id under which its place is known, so that times can change and blocks
// leave from anywhere. Places lie beside the heap, not in the blocks: moving through the heap changes no page.
// Blocks that arrive in time order are pushed in constant time.
type timeHeap struct {
	which  int // index of the id in blockHeader.id
	items  []timeItem
	places []uint32 // by id: index in items
	idle   []uint32 // ids to use again
}

// notIndexed is the id of a block that is out of the heap.
const notIndexed = 1<<32 - 1

type timeItem struct {
	time  int64
	block ref
	id    uint32
}

func (h *timeHeap) min() (timeItem, bool) {
	if len(h.items) == 0 {
		return timeItem{}, false
	}
	return h.items[0], true
}

func (h *timeHeap) push(s *space, t int64, b ref) {
	id := uint32(len(h.places))
	if n := len(h.idle); n > 0 {
		id, h.idle = h.idle[n-1], h.idle[:n-1]
	} else {
		h.places = append(h.places, 0)
	}
	s.touch(b)
	headerOf(s, b).id[h.which] = id
	h.items = append(h.items, timeItem{})
	h.up(len(h.items)-1, timeItem{t, b, id})
}

func (h *timeHeap) at(s *space, b ref) int { return int(h.places[headerOf(s, b).id[h.which]]) }

// set changes the time of a block.
func (h *timeHeap) set(s *space, b ref, t int64) {
	i := h.at(s, b)
	x := h.items[i]
	if t <= x.time {
		h.up(i, timeItem{t, b, x.id})
	} else {
		h.down(i, timeItem{t, b, x.id})
	}
}

func (h *timeHeap) timeOf(s *space, b ref) int64 { return h.items[h.at(s, b)].time }

// remove takes a block out; its header is left to the caller, since most blocks go for good.
func (h *timeHeap) remove(s *space, b ref) {
	i := h.at(s, b)
	last := len(h.items) - 1
	moved := h.items[last]
	h.idle = append(h.idle, h.items[i].id)
	h.items = h.items[:last]
	h.shrink()
	if i == last {
		return
	}
	if i > 0 && moved.time < h.items[(i-1)/2].time {
		h.up(i, moved)
	} else {
		h.down(i, moved)
	}
}

// shrink lets go of memory that a much larger heap has left. Ids stay what they are, so places shrink only when there are none.
func (h *timeHeap) shrink() {
	if n := len(h.items); cap(h.items) > 1024 && n < cap(h.items)/4 {
		h.items = slices.Clip(slices.Clone(h.items))
	}
	if len(h.items) == 0 {
		h.places, h.idle = h.places[:0], h.idle[:0]
		if cap(h.places) > 1024 {
			h.places, h.idle = nil, nil
		}
	}
}

// emptied is an empty heap with the memory of h.
func (h *timeHeap) emptied() timeHeap {
	return timeHeap{which: h.which, items: h.items[:0], places: h.places[:0], idle: h.idle[:0]}
}

func (h *timeHeap) put(i int, x timeItem) {
	h.items[i] = x
	h.places[x.id] = uint32(i)
}

func (h *timeHeap) up(i int, x timeItem) {
	for i > 0 {
		p := (i - 1) / 2
		if h.items[p].time <= x.time {
			break
		}
		h.put(i, h.items[p])
		i = p
	}
	h.put(i, x)
}

func (h *timeHeap) down(i int, x timeItem) {
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
		h.put(i, h.items[c])
		i = c
	}
	h.put(i, x)
}
