package peers

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/state/snapshot"
)

// kind is what an entry says.
type kind uint8

const (
	piece   kind = 1 + iota
	created      // and is the last piece
	swapped      // likewise
	deleted
	kindsEnd
)

// ends tells kinds that end an object.
func (k kind) ends() bool { return k == created || k == swapped }

const (
	entryHeadBytes = 2
	sizeBytes      = 8
	// EntryOverhead is the most that an entry has besides the bytes of a piece.
	EntryOverhead = entryHeadBytes + 200 + sizeBytes
)

// entry is one entry of a stream.
type entry struct {
	kind  kind
	name  string
	total uint64 // bytes of the object, of kinds that end one
	bytes []byte
}

// appendHead appends what stands before the bytes.
func (e *entry) appendHead(b []byte) []byte {
	b = append(append(b, byte(e.kind), byte(len(e.name))), e.name...)
	if e.kind.ends() {
		b = binary.LittleEndian.AppendUint64(b, e.total)
	}
	return b
}

// parseEntry reads an entry; its bytes are b's. The error wraps snapshot.ErrDamaged.
func parseEntry(b []byte) (e entry, err error) {
	bad := func() (entry, error) {
		return entry{}, fmt.Errorf("%w: an entry of %d bytes that begins with %x", snapshot.ErrDamaged, len(b), b[:min(len(b), 8)])
	}
	if len(b) < entryHeadBytes || len(b) < entryHeadBytes+int(b[1]) || b[0] == 0 || kind(b[0]) >= kindsEnd {
		return bad()
	}
	e.kind, e.name = kind(b[0]), string(b[entryHeadBytes:entryHeadBytes+int(b[1])])
	rest := b[entryHeadBytes+len(e.name):]
	if snapshot.ValidName(e.name) != nil || e.kind.ends() && len(rest) < sizeBytes || e.kind == deleted && len(rest) > 0 {
		return bad()
	}
	if e.kind.ends() {
		e.total, rest = binary.LittleEndian.Uint64(rest), rest[sizeBytes:]
	}
	e.bytes = rest
	return e, nil
}

// taking puts together what former lives left.
type taking struct {
	open    map[frame.Tick]*object // not ended
	objects map[string]*object
	last    frame.Tick
	entries uint64
	bytes   int64
}

func newTaking() taking { return taking{open: map[frame.Tick]*object{}, objects: map[string]*object{}} }

// take is given one entry after the other; the object keeps its own copy.
func (t *taking) take(r replica.Entry) error {
	e, err := parseEntry(r.Bytes)
	if err != nil {
		return err
	}
	t.last, t.entries, t.bytes = max(t.last, r.Tick), t.entries+1, t.bytes+int64(len(r.Bytes))
	if e.kind == deleted {
		delete(t.objects, e.name)
		return nil
	}
	o := t.open[r.Tick]
	if o == nil {
		o = &object{name: e.name, tick: r.Tick}
		t.open[r.Tick] = o
	}
	if o.name != e.name {
		return fmt.Errorf("%w: object %d is %s, and has a piece of %s", snapshot.ErrDamaged, o.tick, o.name, e.name)
	}
	b := slices.Clone(r.Bytes)
	o.add(b[len(b)-len(e.bytes):])
	o.entries = append(o.entries, b)
	if !e.kind.ends() {
		return nil
	}
	delete(t.open, r.Tick)
	if o.swapped = e.kind == swapped; uint64(o.size()) != e.total {
		return fmt.Errorf("%w: %s has %d bytes, want %d", snapshot.ErrDamaged, o.name, o.size(), e.total)
	}
	if _, there := t.objects[o.name]; there && !o.swapped {
		return fmt.Errorf("%w: %s was created twice", snapshot.ErrDamaged, o.name)
	}
	t.objects[o.name] = o
	return nil
}
