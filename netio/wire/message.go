package wire

import "fmt"

// Message is a checked view of one message. It borrows its bytes.
type Message struct {
	Type  Type
	count int
	body  []byte
}

// Decode checks the message in b, which must be exactly its unpadded bytes. The error wraps ErrGarbage or ErrOversized.
func Decode(b []byte) (Message, error) {
	if len(b) < HeadLen {
		return Message{}, fmt.Errorf("%w: %d bytes, want a head of %d", ErrGarbage, len(b), HeadLen)
	}
	h, err := ParseHead(b, max(len(b), MaxMessageLen))
	if err != nil {
		return Message{}, err
	}
	if h.IsFrame() {
		return Message{}, fmt.Errorf("%w: %v, want a message", ErrGarbage, h.Type)
	}
	if int(h.Len) != len(b) {
		return Message{}, fmt.Errorf("%w: %v of %d bytes in %d", ErrGarbage, h.Type, h.Len, len(b))
	}
	if b, err = withoutSum(h.Type, b); err != nil {
		return Message{}, err
	}
	m := Message{Type: h.Type, count: int(h.Count), body: b[HeadLen:]}
	entry := 0
	switch h.Type {
	case TypeAttach, TypeCredit:
		entry = grantLen
	case TypeBegin:
		entry = beginLen
	case TypeRefs:
		entry = refLen
	case TypeReleased:
		entry = releasedLen
	case TypeForget:
		entry = slotLen
	case TypeOffer:
		entry = keyLen
	case TypeAside:
		entry = asideLen
	case TypePromise:
		entry = promiseLen
	case TypeHeld:
		entry = heldLen
	case TypeCopied:
		entry = copiedLen
	case TypeDrop:
		entry = dropLen
	case TypeFetch:
		entry = fetchLen
	case TypeCopy, TypeFetched:
		return m, m.validEntry()
	case TypeHello, TypeHelloAck, TypeRefuse:
		return m, nil // checked by ParseHello and ParseRefuse
	}
	if len(m.body) != m.count*entry || (entry == 0 && m.count != 0) {
		return Message{}, fmt.Errorf("%w: %v with %d entries in %d bytes, want %d", ErrGarbage, h.Type, m.count, len(m.body), m.count*entry)
	}
	return m, nil
}

// Len is the number of entries of a message that has some, and 0 of others.
func (m Message) Len() int {
	switch m.Type {
	case TypeAttach, TypeCredit, TypeBegin, TypeRefs, TypeReleased, TypeForget, TypeOffer, TypeAside, TypePromise, TypeHeld, TypeCopied, TypeDrop, TypeFetch:
		return m.count
	}
	return 0
}

// Grant returns entry i < Len() of an ATTACH or CREDIT.
func (m Message) Grant(i int) Grant { return decodeGrant(m.body[i*grantLen:]) }

// Begin returns entry i < Len() of a BEGIN.
func (m Message) Begin(i int) Begin { return decodeBegin(m.body[i*beginLen:]) }
