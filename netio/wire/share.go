package wire

import "encoding/binary"

// Slot numbers the ring segments that the sending end of a link shares with the receiving one; never used twice on a link.
type Slot uint32

// Key is drawn by a sender at its start; it tells its memory from that of every other process, whatever they call themselves.
type Key [16]byte

// Ref stands for a DATA frame that lies in a shared segment: the frame itself does not travel.
type Ref struct {
	Slot   Slot
	Offset uint32 // in the segment, bytes
	Len    uint32 // of the frame, unpadded, bytes
}

// Released says that the receiver is done with some frames of a segment.
type Released struct {
	Slot   Slot
	Frames uint32
}

const (
	refLen      = 12
	releasedLen = 8
	slotLen     = 4
	keyLen      = len(Key{})
	asideLen    = 4
)

// AppendOffer appends an OFFER: who can map the segments of the process with this key may say SHARE.
func AppendOffer(b []byte, k Key) []byte {
	b, at := begin(b, TypeOffer)
	return finish(append(b, k[:]...), at, 1)
}

// AppendShare appends a SHARE: the receiving end can map the sender's segments, REFS may take the place of frames on this connection.
func AppendShare(b []byte) []byte { return appendEmpty(b, TypeShare) }

// AppendBell appends a BELL: there is something to read, or room, in the memory that the two ends share.
func AppendBell(b []byte) []byte { return appendEmpty(b, TypeBell) }

// AppendAside appends an ASIDE: the next units, so many, do not lie here but come over the connection.
func AppendAside(b []byte, units uint32) []byte {
	b, at := begin(b, TypeAside)
	return finish(binary.LittleEndian.AppendUint32(b, units), at, 1)
}

// AppendRefs appends REFS messages with the given references, as many as it takes.
func AppendRefs(b []byte, refs []Ref) []byte {
	return appendList(b, TypeRefs, refs, refLen, func(b []byte, r *Ref) []byte { return appendWords(b, uint32(r.Slot), r.Offset, r.Len) })
}

// AppendReleased appends RELEASED messages, as many as it takes.
func AppendReleased(b []byte, done []Released) []byte {
	return appendList(b, TypeReleased, done, releasedLen, func(b []byte, r *Released) []byte { return appendWords(b, uint32(r.Slot), r.Frames) })
}

// AppendForget appends FORGET messages, as many as it takes: no reference will name these slots again.
func AppendForget(b []byte, slots []Slot) []byte {
	return appendList(b, TypeForget, slots, slotLen, func(b []byte, s *Slot) []byte { return appendWords(b, uint32(*s)) })
}

// Ref returns entry i < Len() of a REFS.
func (m Message) Ref(i int) Ref {
	b := m.body[i*refLen:][:refLen]
	le := binary.LittleEndian
	return Ref{Slot: Slot(le.Uint32(b)), Offset: le.Uint32(b[4:]), Len: le.Uint32(b[8:])}
}

// Released returns entry i < Len() of a RELEASED.
func (m Message) Released(i int) Released {
	b := m.body[i*releasedLen:][:releasedLen]
	return Released{Slot: Slot(binary.LittleEndian.Uint32(b)), Frames: binary.LittleEndian.Uint32(b[4:])}
}

// Forgotten returns entry i < Len() of a FORGET.
func (m Message) Forgotten(i int) Slot { return Slot(binary.LittleEndian.Uint32(m.body[i*slotLen:])) }

// Aside returns entry i < Len() of an ASIDE.
func (m Message) Aside(i int) uint32 { return binary.LittleEndian.Uint32(m.body[i*asideLen:]) }

// Key returns entry i < Len() of an OFFER.
func (m Message) Key(i int) Key { return Key(m.body[i*keyLen:][:keyLen]) }
