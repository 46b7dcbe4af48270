package persist

import (
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state/snapshot"
)

// object is an object that is open, its tables checked.
//
// Invariants: entries ascend by tick, all within the header's ticks, and what they name lies between about and index, without a hole.
type object struct {
	header
	name    string
	about   []byte // padded
	entries []entry
	rows    uint64
	from    snapshot.Object
}

// openObject opens an object of a store and checks all but its frames. Errors wrap snapshot.ErrNotFound or ErrDamaged, or are the store's; they name the object.
func openObject(s snapshot.Reader, name string) (*object, error) {
	from, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	o, err := readObject(from)
	if err == nil {
		err = o.named(name)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), from.Close())
	}
	return o, nil
}

// named checks that an object is what its name says.
func (o *object) named(name string) error {
	o.name = name
	if got := objectName(folder(o.job, o.edge, o.node), o.first); got != name {
		return damaged("it says that it is %s", got)
	}
	return nil
}

func (o *object) close() error { return o.from.Close() }

// readObject reads the tables of an object.
func readObject(from snapshot.Object) (*object, error) {
	size := from.Size()
	if size < headerLen+footerLen {
		return nil, damaged("%d bytes, want at least %d", size, headerLen+footerLen)
	}
	o := &object{from: from}
	head, err := readAt(from, 0, headerLen)
	if err == nil {
		o.header, err = decodeHeader(head)
	}
	if err != nil {
		return nil, err
	}
	tail, err := readAt(from, size-footerLen, footerLen)
	if err != nil {
		return nil, err
	}
	f, err := decodeFooter(tail)
	if err != nil {
		return nil, err
	}
	begin := headerLen + uint64(o.header.about)
	if f.size != uint64(size) || f.index < begin || f.index > f.size-footerLen || (f.size-footerLen-f.index)%entryLen != 0 || (f.size-footerLen-f.index)/entryLen != f.entries {
		return nil, damaged("a footer of %d bytes with %d index entries at %d, in %d bytes", f.size, f.entries, f.index, size)
	}
	if o.about, err = readSummed(from, headerLen, int64(o.header.about), f.aboutSum); err != nil {
		return nil, fmt.Errorf("about: %w", err)
	}
	index, err := readSummed(from, int64(f.index), int64(f.entries)*entryLen, f.indexSum)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	o.rows = f.rows
	return o, o.takeIndex(index, begin, f.index)
}

// takeIndex checks the entries of frames that lie at [begin, end).
func (o *object) takeIndex(index []byte, begin, end uint64) error {
	rows, tick := uint64(0), o.first-1
	for ; len(index) > 0; index = index[entryLen:] {
		e := decodeEntry(index)
		if e.tick <= tick || e.tick > o.last || e.offset != begin || e.bytes > end-begin || e.bytes%frame.Align != 0 || e.frames == 0 {
			return damaged("an index entry of tick %d after %d, with %d frames in %d bytes at %d, want them at %d", e.tick, tick, e.frames, e.bytes, e.offset, begin)
		}
		tick, begin, rows = e.tick, begin+e.bytes, rows+e.rows
		o.entries = append(o.entries, e)
	}
	if begin != end || rows != o.rows || o.gap && len(o.entries) > 0 {
		return damaged("%d index entries (gap: %v) have %d rows and end at %d, want %d rows up to %d", len(o.entries), o.gap, rows, begin, o.rows, end)
	}
	return nil
}

// find returns the entry of a tick, nil if it has no frames.
func (o *object) find(t frame.Tick) *entry {
	i := sort.Search(len(o.entries), func(i int) bool { return o.entries[i].tick >= t })
	if i < len(o.entries) && o.entries[i].tick == t {
		return &o.entries[i]
	}
	return nil
}

// after is the next tick after t that has frames, or the first that is not in the object; frame.MaxTick if there is none.
func (o *object) after(t frame.Tick) frame.Tick {
	i := sort.Search(len(o.entries), func(i int) bool { return o.entries[i].tick > t })
	if i < len(o.entries) {
		return o.entries[i].tick
	}
	if o.last == frame.MaxTick {
		return frame.MaxTick
	}
	return o.last + 1
}

// frames reads the frames of a tick. All sums are checked.
func (o *object) frames(e *entry) ([][]byte, error) {
	b, err := readSummed(o.from, int64(e.offset), int64(e.bytes), e.byteSum)
	if err == nil {
		var all [][]byte
		if all, err = split(b, e); err == nil {
			return all, nil
		}
	}
	return nil, fmt.Errorf("%s: tick %d: %w", o.name, e.tick, err)
}

// split cuts the bytes of a tick into frames.
func split(b []byte, e *entry) (all [][]byte, err error) {
	for len(b) > 0 {
		h := frame.DecodeHeader(b) // there are frame.Align bytes at least
		if err := h.Valid(len(b)); err != nil {
			return nil, damaged("%v", err)
		}
		f := b[:h.Len:h.Len]
		if err := frame.VerifySum(f); err != nil {
			return nil, damaged("%v", err)
		}
		if h.Padded() > len(b) || h.Type != frame.Data && h.Type != frame.Close || h.Type == frame.Data && h.Tick != e.tick {
			return nil, damaged("a %v frame of tick %d", h.Type, h.Tick)
		}
		all, b = append(all, f), b[h.Padded():]
	}
	if len(all) != int(e.frames) {
		return nil, damaged("%d frames, want %d", len(all), e.frames)
	}
	return all, nil
}

const _ = uint(frame.Align - frame.HeaderLen) // of split

// contentOf adds up what is in a DATA frame.
func contentOf(e *shuffle.Edge, b []byte) (c content, err error) {
	err = e.Runs(b, func(r *shuffle.Run) error {
		c.rows += uint64(r.Count)
		c.sum += e.Sum(r)
		return nil
	})
	return c, err
}

func readAt(from io.ReaderAt, at, n int64) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(from, at, n), b); err != nil {
		return nil, err
	}
	return b, nil
}

func readSummed(from io.ReaderAt, at, n int64, want uint64) ([]byte, error) {
	b, err := readAt(from, at, n)
	if err != nil {
		return nil, err
	}
	if got := xxhash.Sum64(b); got != want {
		return nil, damaged("%d bytes at %d have sum %016x, want %016x", n, at, got, want)
	}
	return b, nil
}
