package persist

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state/snapshot"
)

const (
	headerMagic = "SSTICKS\n"
	footerMagic = "SSTICKE\n"
	version     = 2
	flagGap     = 1
	flagForgets = 2
	headerLen   = 64
	footerLen   = 64
	entryLen    = 56
	aboutMax    = 1 << 20 // bytes
	suffix      = ".ticks"
)

// About is what an edge is. All objects of an edge say the same.
type About struct {
	Edge        frame.EdgeID      `json:"edge"`
	Name        string            `json:"name"`   // of both stages, as in --edge-policy
	Schema      []byte            `json:"schema"` // as package shuffle/batch encodes it
	Source      shuffle.TaskRange `json:"source"`
	Destination shuffle.TaskRange `json:"destination"`
	Unordered   bool              `json:"unordered,omitempty"`
	// Nodes are those that have source tasks, in order: the streams of all of them make up the edge's.
	Nodes []frame.NodeID `json:"nodes"`
}

// edge is the edge as package shuffle reads its frames.
func (a *About) edge() (*shuffle.Edge, error) {
	s, err := batch.DecodeSchema(a.Schema)
	if err != nil {
		return nil, err
	}
	return &shuffle.Edge{ID: a.Edge, Schema: s, Source: a.Source, Destination: a.Destination, Unordered: a.Unordered}, nil
}

// encode is the JSON with its padding.
func (a *About) encode() ([]byte, error) {
	b, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	if len(b) > aboutMax {
		return nil, fmt.Errorf("edge %d is described by %d bytes, want at most %d", a.Edge, len(b), aboutMax)
	}
	return append(b, make([]byte, frame.PadLen(len(b))-len(b))...), nil
}

func decodeAbout(b []byte) (*About, error) {
	a := &About{}
	if err := json.Unmarshal(bytes.TrimRight(b, "\x00"), a); err != nil {
		return nil, damaged("what it says of its edge: %v", err)
	}
	return a, nil
}

// header begins an object.
type header struct {
	gap         bool
	forgets     bool   // objects before it may have been removed
	written     uint32 // when it was, in seconds since 1970
	job         uint64
	edge        frame.EdgeID
	node        frame.NodeID // of the source tasks
	first, last frame.Tick
	incarnation frame.Incarnation
	about       uint32 // bytes, padded
}

func (h *header) encode() []byte {
	le, b := binary.LittleEndian, make([]byte, headerLen)
	copy(b, headerMagic)
	le.PutUint16(b[8:], version)
	flags := uint16(0)
	if h.gap {
		flags |= flagGap
	}
	if h.forgets {
		flags |= flagForgets
	}
	le.PutUint16(b[10:], flags)
	le.PutUint32(b[12:], h.written)
	le.PutUint64(b[16:], h.job)
	le.PutUint32(b[24:], uint32(h.edge))
	le.PutUint32(b[28:], uint32(h.node))
	le.PutUint64(b[32:], uint64(h.first))
	le.PutUint64(b[40:], uint64(h.last))
	le.PutUint32(b[48:], uint32(h.incarnation))
	le.PutUint32(b[52:], h.about)
	le.PutUint64(b[56:], xxhash.Sum64(b[:56]))
	return b
}

func decodeHeader(b []byte) (h header, err error) {
	le := binary.LittleEndian
	if string(b[:8]) != headerMagic {
		return h, damaged("it begins with %q, want %q", b[:8], headerMagic)
	}
	if got, want := xxhash.Sum64(b[:56]), le.Uint64(b[56:]); got != want {
		return h, damaged("header sum %016x, want %016x", got, want)
	}
	if v := le.Uint16(b[8:]); v != version {
		return h, ownError{fmt.Errorf("version %d, want %d; read it with the release that wrote it", v, version)}
	}
	flags := le.Uint16(b[10:])
	h = header{
		gap: flags&flagGap != 0, forgets: flags&flagForgets != 0, written: le.Uint32(b[12:]), job: le.Uint64(b[16:]), edge: frame.EdgeID(le.Uint32(b[24:])), node: frame.NodeID(le.Uint32(b[28:])),
		first: frame.Tick(le.Uint64(b[32:])), last: frame.Tick(le.Uint64(b[40:])), incarnation: frame.Incarnation(le.Uint32(b[48:])), about: le.Uint32(b[52:]),
	}
	switch {
	case flags&^(flagGap|flagForgets) != 0:
		return h, damaged("unknown flags %#x", flags)
	case h.first == 0 || h.first > h.last:
		return h, damaged("ticks %d to %d", h.first, h.last)
	case h.about > aboutMax || h.about%frame.Align != 0:
		return h, damaged("%d bytes about its edge", h.about)
	}
	return h, nil
}

// entry says where a tick is.
type entry struct {
	tick          frame.Tick
	offset, bytes uint64
	content
	byteSum uint64
	frames  uint32
}

// content is what the rows of a tick come to.
type content struct{ rows, sum uint64 }

func (e *entry) append(b []byte) []byte {
	le := binary.LittleEndian
	for _, v := range [...]uint64{uint64(e.tick), e.offset, e.bytes, e.rows, e.sum, e.byteSum} {
		b = le.AppendUint64(b, v)
	}
	return le.AppendUint64(b, uint64(e.frames))
}

func decodeEntry(b []byte) entry {
	le := binary.LittleEndian
	return entry{
		tick: frame.Tick(le.Uint64(b)), offset: le.Uint64(b[8:]), bytes: le.Uint64(b[16:]),
		content: content{le.Uint64(b[24:]), le.Uint64(b[32:])}, byteSum: le.Uint64(b[40:]), frames: le.Uint32(b[48:]),
	}
}

// footer ends an object.
type footer struct{ index, entries, rows, aboutSum, indexSum, size uint64 }

func (f *footer) encode() []byte {
	b := []byte(footerMagic)
	for _, v := range [...]uint64{f.index, f.entries, f.rows, f.aboutSum, f.indexSum, f.size} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

func decodeFooter(b []byte) (f footer, err error) {
	le := binary.LittleEndian
	if string(b[:8]) != footerMagic {
		return f, damaged("it ends with %q, want %q: it is cut off", b[:8], footerMagic)
	}
	if got, want := xxhash.Sum64(b[:56]), le.Uint64(b[56:]); got != want {
		return f, damaged("footer sum %016x, want %016x", got, want)
	}
	return footer{le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:]), le.Uint64(b[40:]), le.Uint64(b[48:])}, nil
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", snapshot.ErrDamaged, fmt.Sprintf(format, args...))
}

// folder is where the objects of a stream are.
func folder(job uint64, e frame.EdgeID, n frame.NodeID) string {
	return fmt.Sprintf("job-%016x/stream-%08x-%08x/", job, e, n)
}

func objectName(folder string, first frame.Tick) string {
	return fmt.Sprintf("%s%016x%s", folder, uint64(first), suffix)
}

// place is what an object's name says.
type place struct {
	job   uint64
	edge  frame.EdgeID
	node  frame.NodeID
	first frame.Tick
}

// parseName reads what folder and objectName write.
func parseName(name string) (p place, ok bool) {
	var e, n uint32
	if _, err := fmt.Sscanf(name, "job-%16x/stream-%8x-%8x/%16x"+suffix, &p.job, &e, &n, &p.first); err != nil {
		return p, false
	}
	p.edge, p.node = frame.EdgeID(e), frame.NodeID(n)
	return p, objectName(folder(p.job, p.edge, p.node), p.first) == name
}
