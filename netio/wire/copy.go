package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Stream names a sequence of entries of which peers keep copies (package ringlog/replica). All fields together are the name.
type Stream struct {
	Kind  uint8 // of replica
	Core  frame.CoreID
	Owner frame.NodeID // whose lives append
	ID    uint32       // a stage or edge
	Dest  frame.NodeID // destination of an edge's frames; 0 for others
}

// Entry is what a COPY or FETCHED says of the entry whose bytes follow it.
type Entry struct {
	Stream Stream
	Life   frame.Incarnation // of the owner that appended it
	Flags  uint32
	Number uint64
	// Prev is the number of the entry sent before this one on the connection, or known to be there already. In a FETCHED with FlagEnd it is how many entries the
	// answer had.
	Prev uint64
	Tick frame.Tick
	Sum  uint64 // of the bytes and of what names them
}

// Flags of an Entry.
const (
	// FlagGap, in a COPY: entries between Prev and this one will never come.
	FlagGap = 1 << iota
	// FlagEnd, in a FETCHED without bytes: the answer ends here; Number is where to ask on.
	FlagEnd
	// FlagMore, with FlagEnd: there is more than was asked for.
	FlagMore
	// FlagMissing, with FlagEnd: something that was asked for is not there, or damaged, so that this copy does not count.
	FlagMissing
	flagsEnd
)

// Promise asks a peer to take nothing from lives of the stream's owner below Incarnation, and to say in a HELD what it has of the entries of Life.
type Promise struct {
	Stream      Stream
	Incarnation frame.Incarnation
	Life        frame.Incarnation
}

// Held answers a Promise.
type Held struct {
	Stream   Stream
	Promised frame.Incarnation // the highest so far: above Promise.Incarnation if that comes too late
	Life     frame.Incarnation
	Last     uint64 // number of the newest entry of Life that was ever there, 0 without
	Count    uint64 // entries of Life that are there
}

// Copied says that all entries of a life up to a number are there, or were.
type Copied struct {
	Stream Stream
	Life   frame.Incarnation
	Number uint64
}

// Drop says that nobody will ask for entries of ticks up to Tick, or of as many as Ticks says that end with it, nor for any of lives below Life.
type Drop struct {
	Stream Stream
	Life   frame.Incarnation
	Tick   frame.Tick
	Ticks  uint32 // how many, Tick being the last; 0: all up to Tick
}

// Fetch asks for entries of a life, in order: those from a number on, of ticks above one, about so many bytes, one at least.
type Fetch struct {
	Stream   Stream
	Life     frame.Incarnation // 0: the newest there is
	MaxBytes uint32
	From     uint64
	Above    frame.Tick
}

const (
	streamLen  = 16
	promiseLen = streamLen + 8
	heldLen    = streamLen + 24
	copiedLen  = streamLen + 16
	dropLen    = streamLen + 16
	fetchLen   = streamLen + 24

	// EntryHeadLen is the length of a COPY or FETCHED before its bytes, head included: a multiple of Align.
	EntryHeadLen = HeadLen + streamLen + 40
)

const _ = uint(0 - EntryHeadLen%Align)

// carries tells the messages that have an entry's bytes in them, and may be as long as frames.
func (t Type) carries() bool { return t == TypeCopy || t == TypeFetched }

func appendStream(b []byte, s Stream) []byte {
	le := binary.LittleEndian
	b = append(b, s.Kind, 0)
	b = le.AppendUint16(b, uint16(s.Core))
	b = le.AppendUint32(b, uint32(s.Owner))
	b = le.AppendUint32(b, s.ID)
	return le.AppendUint32(b, uint32(s.Dest))
}

func decodeStream(b []byte) Stream {
	_ = b[streamLen-1]
	le := binary.LittleEndian
	return Stream{
		Kind: b[0], Core: frame.CoreID(le.Uint16(b[2:])), Owner: frame.NodeID(le.Uint32(b[4:])),
		ID: le.Uint32(b[8:]), Dest: frame.NodeID(le.Uint32(b[12:])),
	}
}

// AppendEntryHead appends the first EntryHeadLen bytes of a COPY or FETCHED (t) with size bytes behind them; those follow, and zeros up to a multiple of Align.
func AppendEntryHead(b []byte, t Type, e *Entry, size int) []byte {
	le := binary.LittleEndian
	at := len(b)
	b, _ = begin(b, t)
	le.PutUint32(b[at:], uint32(EntryHeadLen+size))
	b = appendStream(b, e.Stream)
	b = le.AppendUint32(b, uint32(e.Life))
	b = le.AppendUint32(b, e.Flags)
	b = le.AppendUint64(b, e.Number)
	b = le.AppendUint64(b, e.Prev)
	b = le.AppendUint64(b, uint64(e.Tick))
	return le.AppendUint64(b, e.Sum)
}

// AppendEntry appends a whole COPY or FETCHED.
func AppendEntry(b []byte, t Type, e *Entry, bytes []byte) []byte {
	b = append(AppendEntryHead(b, t, e, len(bytes)), bytes...)
	return append(b, zeros[:frame.PadLen(len(bytes))-len(bytes)]...)
}

// Entry returns the entry of a COPY or FETCHED, and its bytes, which are the message's.
func (m Message) Entry() (Entry, []byte) {
	le := binary.LittleEndian
	b := m.body
	return Entry{
		Stream: decodeStream(b), Life: frame.Incarnation(le.Uint32(b[16:])), Flags: le.Uint32(b[20:]), Number: le.Uint64(b[24:]),
		Prev: le.Uint64(b[32:]), Tick: frame.Tick(le.Uint64(b[40:])), Sum: le.Uint64(b[48:]),
	}, b[EntryHeadLen-HeadLen:]
}

func (m Message) validEntry() error {
	e, b := m.Entry()
	switch {
	case m.count != 0:
		return fmt.Errorf("%w: %v with %d entries, want 0 to count", ErrGarbage, m.Type, m.count)
	case e.Flags >= flagsEnd || m.Type == TypeCopy && e.Flags&^FlagGap != 0 || m.Type == TypeFetched && e.Flags&FlagGap != 0:
		return fmt.Errorf("%w: %v with flags %#x", ErrGarbage, m.Type, e.Flags)
	case e.Flags&FlagEnd == 0 && e.Flags&(FlagMore|FlagMissing) != 0, e.Flags&FlagEnd != 0 && len(b) != 0:
		return fmt.Errorf("%w: %v with flags %#x and %d bytes", ErrGarbage, m.Type, e.Flags, len(b))
	case e.Flags&FlagEnd == 0 && (e.Number == 0 || e.Life == 0):
		return fmt.Errorf("%w: %v of entry %d of life %d, want both above 0", ErrGarbage, m.Type, e.Number, e.Life)
	}
	return nil
}

// appendOne appends a message with one entry: a stream and words.
func appendOne(b []byte, t Type, s Stream, words ...uint32) []byte {
	b, at := begin(b, t)
	return finish(appendWords(appendStream(b, s), words...), at, 1)
}

func low(v uint64) uint32  { return uint32(v) }
func high(v uint64) uint32 { return uint32(v >> 32) }

// AppendPromise appends a PROMISE.
func AppendPromise(b []byte, p Promise) []byte {
	return appendOne(b, TypePromise, p.Stream, uint32(p.Incarnation), uint32(p.Life))
}

// AppendHeld appends a HELD.
func AppendHeld(b []byte, h Held) []byte {
	return appendOne(b, TypeHeld, h.Stream, uint32(h.Promised), uint32(h.Life), low(h.Last), high(h.Last), low(h.Count), high(h.Count))
}

// AppendCopied appends a COPIED.
func AppendCopied(b []byte, c Copied) []byte {
	return appendOne(b, TypeCopied, c.Stream, uint32(c.Life), 0, low(c.Number), high(c.Number))
}

// AppendDrop appends a DROP.
func AppendDrop(b []byte, d Drop) []byte {
	return appendOne(b, TypeDrop, d.Stream, uint32(d.Life), d.Ticks, low(uint64(d.Tick)), high(uint64(d.Tick)))
}

// AppendFetch appends a FETCH.
func AppendFetch(b []byte, f Fetch) []byte {
	return appendOne(b, TypeFetch, f.Stream, uint32(f.Life), f.MaxBytes, low(f.From), high(f.From), low(uint64(f.Above)), high(uint64(f.Above)))
}

// Promise returns entry i < Len() of a PROMISE.
func (m Message) Promise(i int) Promise {
	b := m.body[i*promiseLen:][:promiseLen]
	le := binary.LittleEndian
	return Promise{decodeStream(b), frame.Incarnation(le.Uint32(b[16:])), frame.Incarnation(le.Uint32(b[20:]))}
}

// Held returns entry i < Len() of a HELD.
func (m Message) Held(i int) Held {
	b := m.body[i*heldLen:][:heldLen]
	le := binary.LittleEndian
	return Held{decodeStream(b), frame.Incarnation(le.Uint32(b[16:])), frame.Incarnation(le.Uint32(b[20:])), le.Uint64(b[24:]), le.Uint64(b[32:])}
}

// Copied returns entry i < Len() of a COPIED.
func (m Message) Copied(i int) Copied {
	b := m.body[i*copiedLen:][:copiedLen]
	le := binary.LittleEndian
	return Copied{decodeStream(b), frame.Incarnation(le.Uint32(b[16:])), le.Uint64(b[24:])}
}

// Drop returns entry i < Len() of a DROP.
func (m Message) Drop(i int) Drop {
	b := m.body[i*dropLen:][:dropLen]
	le := binary.LittleEndian
	return Drop{decodeStream(b), frame.Incarnation(le.Uint32(b[16:])), frame.Tick(le.Uint64(b[24:])), le.Uint32(b[20:])}
}

// Fetch returns entry i < Len() of a FETCH.
func (m Message) Fetch(i int) Fetch {
	b := m.body[i*fetchLen:][:fetchLen]
	le := binary.LittleEndian
	return Fetch{decodeStream(b), frame.Incarnation(le.Uint32(b[16:])), le.Uint32(b[20:]), le.Uint64(b[24:]), frame.Tick(le.Uint64(b[32:]))}
}
