package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	// HeadLen is the length in bytes of the head that every unit on a link begins with.
	HeadLen = 8
	// Align is what the length of every unit is rounded up to on a link, in bytes.
	Align = frame.Align
	// MaxMessageLen bounds every message but COPY and FETCHED, in bytes, padding included.
	MaxMessageLen = 64 << 10
)

// Type is the fifth byte of a unit.
type Type uint8

// The messages. Lesser types are those of frames.
const (
	TypeHello Type = 0x80 + iota
	TypeHelloAck
	TypeRefuse
	TypeAttach
	TypeCredit
	TypeBegin
	TypePing
	TypeBye
	TypeShare
	TypeRefs
	TypeReleased
	TypeForget
	TypeOffer
	TypeBell
	TypeAside
	TypeCopy
	TypePromise
	TypeDrop
	TypeFetch
	TypeHeld
	TypeCopied
	TypeFetched
	typeEnd

	firstMessage = TypeHello
)

var typeNames = [...]string{"HELLO", "HELLO-ACK", "REFUSE", "ATTACH", "CREDIT", "BEGIN", "PING", "BYE", "SHARE", "REFS", "RELEASED", "FORGET", "OFFER", "BELL", "ASIDE",
	"COPY", "PROMISE", "DROP", "FETCH", "HELD", "COPIED", "FETCHED"}

func (t Type) String() string {
	if t < firstMessage {
		return frame.Type(t).String()
	}
	if t < typeEnd {
		return typeNames[t-firstMessage]
	}
	return fmt.Sprintf("message type %#x", uint8(t))
}

var (
	// ErrGarbage means bytes that no correct peer of this version sends.
	ErrGarbage = errors.New("garbage on a link")
	// ErrOversized means a frame or message longer than the receiver takes.
	ErrOversized = errors.New("oversized")
)

// Head is the decoded form of a unit's first 8 bytes.
type Head struct {
	Len   int32 // whole, unpadded, bytes
	Type  Type
	Flags uint8
	Count uint16
}

// IsFrame tells a ring frame from a message.
func (h Head) IsFrame() bool { return h.Type < firstMessage }

// Padded is the number of bytes that the unit takes on the link.
func (h Head) Padded() int { return frame.PadLen(int(h.Len)) }

// ParseHead reads and checks b[:HeadLen]: a known type; a length that its type can have, at most maxFrame for frames, COPY and
// FETCHED, and MaxMessageLen for other messages. The rest of the unit need not be there yet. The error wraps ErrGarbage or ErrOversized.
func ParseHead(b []byte, maxFrame int) (Head, error) {
	_ = b[HeadLen-1]
	h := Head{
		Len:   int32(binary.LittleEndian.Uint32(b)),
		Type:  Type(b[4]),
		Flags: b[5],
		Count: binary.LittleEndian.Uint16(b[6:]),
	}
	least, most := HeadLen, MaxMessageLen
	switch {
	case h.IsFrame():
		least, most = frame.HeaderLen, maxFrame
	case h.Type.carries():
		least, most = EntryHeadLen, maxFrame
	}
	switch {
	case h.Type == 0 || h.Type >= typeEnd || (h.IsFrame() && frame.Type(h.Type) > frame.End):
		return h, fmt.Errorf("%w: %v, length %d", ErrGarbage, h.Type, h.Len)
	case int(h.Len) < least:
		return h, fmt.Errorf("%w: %v of %d bytes, want at least %d", ErrGarbage, h.Type, h.Len, least)
	case int(h.Len) > most:
		return h, fmt.Errorf("%w: %v of %d bytes, want at most %d", ErrOversized, h.Type, h.Len, most)
	case !h.IsFrame() && h.Flags != 0:
		return h, fmt.Errorf("%w: %v with flags %#x", ErrGarbage, h.Type, h.Flags)
	}
	return h, nil
}

// begin appends a message head with a length still to be set by finish, and returns where it stands.
func begin(b []byte, t Type) ([]byte, int) {
	at := len(b)
	b = append(b, make([]byte, HeadLen)...)
	b[at+4] = byte(t)
	return b, at
}

// SumLen is the length in bytes of the sum at the end of messages that have one.
const SumLen = 8

// summed tells whether messages of a type end with a sum: not what is said before the version is known, and not what carries a sum of its own.
func (t Type) summed() bool {
	return t >= firstMessage && t != TypeHello && t != TypeHelloAck && t != TypeRefuse && !t.carries()
}

// finish sets length and count of the message that begins at b[at], and appends its sum, if it has one, and its padding.
func finish(b []byte, at int, count int) []byte {
	if Type(b[at+4]).summed() {
		b = append(b, zeros[:SumLen]...)
	}
	n := len(b) - at
	binary.LittleEndian.PutUint32(b[at:], uint32(n))
	binary.LittleEndian.PutUint16(b[at+6:], uint16(count))
	Seal(b[at:])
	return append(b, zeros[:frame.PadLen(n)-n]...)
}

// Seal sets the sum of a message, exactly its unpadded bytes, if it is of a type that has one: fuzzers make what they have changed pass as whole.
func Seal(b []byte) {
	if n := len(b) - SumLen; n >= HeadLen && Type(b[4]).summed() {
		binary.LittleEndian.PutUint64(b[n:], xxhash.Sum64(b[:n]))
	}
}

// withoutSum checks the sum at the end of a message that has one, and returns what stands before.
func withoutSum(t Type, b []byte) ([]byte, error) {
	if !t.summed() {
		return b, nil
	}
	n := len(b) - SumLen
	if n < HeadLen {
		return nil, fmt.Errorf("%w: %v of %d bytes, want at least %d", ErrGarbage, t, len(b), HeadLen+SumLen)
	}
	if got, want := xxhash.Sum64(b[:n]), binary.LittleEndian.Uint64(b[n:]); got != want {
		return nil, fmt.Errorf("%w: %v with sum %016x, want %016x", ErrGarbage, t, got, want)
	}
	return b[:n], nil
}

// entryBytes is the room for entries in a message.
const entryBytes = MaxMessageLen - Align

// appendList appends messages of type t with the given entries, as many as it takes; encode appends one entry, which takes size bytes.
func appendList[E any](b []byte, t Type, entries []E, size int, encode func([]byte, *E) []byte) []byte {
	for len(entries) > 0 {
		n := min(len(entries), entryBytes/size)
		var at int
		b, at = begin(b, t)
		for i := range n {
			b = encode(b, &entries[i])
		}
		b = finish(b, at, n)
		entries = entries[n:]
	}
	return b
}

func appendWords(b []byte, words ...uint32) []byte {
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

var zeros [Align]byte

// AppendPing appends a PING.
func AppendPing(b []byte) []byte { return appendEmpty(b, TypePing) }

// AppendBye appends a BYE: the sender ends the link in an orderly way, nothing follows.
func AppendBye(b []byte) []byte { return appendEmpty(b, TypeBye) }

func appendEmpty(b []byte, t Type) []byte {
	b, at := begin(b, t)
	return finish(b, at, 0)
}
