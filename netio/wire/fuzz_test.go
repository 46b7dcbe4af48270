package wire

import (
	"bytes"
	"slices"
	"testing"
)

func seeds() [][]byte {
	return [][]byte{
		AppendPing(nil), AppendBye(nil),
		AppendCredit(nil, []Grant{{Edge: 1, Session: 2, Open: 3, AllowedBytes: 4, Closed: 5, Drained: 6}, {}}),
		AppendAttach(nil, []Grant{{Edge: 7}}),
		AppendBegin(nil, []Begin{{1, 2}, {3, 4}}),
		AppendOffer(nil, Key{1, 2}), AppendShare(nil), AppendRefs(nil, []Ref{{1, 4096, 64}, {2, 8192, 1 << 20}}), AppendReleased(nil, []Released{{1, 2}, {3, 4}}), AppendForget(nil, []Slot{1, 2, 3}), AppendBell(nil), AppendAside(nil, 7),
		AppendPromise(nil, Promise{Stream{1, 2, 3, 4, 5}, 6, 7}), AppendHeld(nil, Held{Stream{1, 2, 3, 4, 5}, 6, 7, 8, 9}),
		AppendCopied(nil, Copied{Stream{1, 2, 3, 4, 5}, 6, 1 << 40}), AppendDrop(nil, Drop{Stream{1, 2, 3, 4, 5}, 6, 1 << 40, 7}),
		AppendFetch(nil, Fetch{Stream{1, 2, 3, 4, 5}, 6, 7, 8, 9}),
		AppendEntry(nil, TypeCopy, &Entry{Stream{1, 2, 3, 4, 5}, 6, FlagGap, 8, 9, 10, 11}, []byte("bytes")),
		AppendEntry(nil, TypeFetched, &Entry{Stream{1, 2, 3, 4, 5}, 6, FlagEnd | FlagMore, 8, 9, 10, 11}, nil),
		AppendRefuse(nil, Refuse{Stale, "old"}),
		AppendHello(nil, TypeHello, &Hello{Version: Version, Job: "job", Token: []byte("token"), Connection: 9, Lane: 3}),
		AppendHello(nil, TypeHelloAck, &Hello{Version: 77}),
		{64, 0, 0, 0, 1, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff, 0x84, 0, 0xff, 0xff}, {},
	}
}

// FuzzDecode: what is decoded and encoded again is the same bytes.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
		if len(s) > Align {
			f.Add(s[:len(s)-7])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= HeadLen {
			if h, err := ParseHead(b, 1<<20); err == nil {
				if h.Padded() < int(h.Len) || h.Len < HeadLen {
					t.Fatalf("head %+v takes %d bytes", h, h.Padded())
				}
				if n := int(h.Len); n <= len(b) {
					b = slices.Clone(b[:n])
					Seal(b)
				}
			}
		}
		m, err := Decode(b)
		if err != nil {
			return
		}
		again := encode(t, m)
		if again != nil && !bytes.Equal(again[:len(b)], b) {
			t.Fatalf("%v: got %x, want %x", m.Type, again, b)
		}
	})
}

// encode encodes what m says; nil if it says nothing that can be encoded.
func encode(t *testing.T, m Message) []byte {
	var grants []Grant
	switch m.Type {
	case TypePing:
		return AppendPing(nil)
	case TypeBye:
		return AppendBye(nil)
	case TypeAttach, TypeCredit:
		for i := range m.Len() {
			grants = append(grants, m.Grant(i))
		}
		return appendList(nil, m.Type, grants, grantLen, encodeGrant)
	case TypeBegin:
		var marks []Begin
		for i := range m.Len() {
			marks = append(marks, m.Begin(i))
		}
		return AppendBegin(nil, marks)
	case TypeShare:
		return AppendShare(nil)
	case TypeBell:
		return AppendBell(nil)
	case TypeAside:
		b, at := begin(nil, TypeAside)
		return finish(append(b, m.body...), at, m.Len())
	case TypeRefs:
		return AppendRefs(nil, entries(m, m.Ref))
	case TypeReleased:
		return AppendReleased(nil, entries(m, m.Released))
	case TypeOffer:
		var all []byte
		for _, k := range entries(m, m.Key) {
			all = append(all, AppendOffer(nil, k)[HeadLen:HeadLen+keyLen]...)
		}
		b, at := begin(nil, TypeOffer)
		return finish(append(b, all...), at, m.Len())
	case TypeCopy, TypeFetched:
		e, bytes := m.Entry()
		b := AppendEntry(nil, m.Type, &e, bytes)
		b[HeadLen+1] = m.body[1] // not looked at
		return b
	case TypePromise, TypeHeld, TypeCopied, TypeDrop, TypeFetch:
		return encodeCopies(m)
	case TypeForget:
		return AppendForget(nil, entries(m, m.Forgotten))
	case TypeRefuse:
		if r, err := ParseRefuse(m); err == nil {
			b := AppendRefuse(nil, r)
			b[6], b[7] = byte(m.count), byte(m.count>>8) // not looked at
			return b
		}
	case TypeHello, TypeHelloAck:
		h, err := ParseHello(m)
		if err == nil && h.Version == Version {
			b := AppendHello(nil, m.Type, &h)
			b[6], b[7] = byte(m.count), byte(m.count>>8)
			copy(b[HeadLen+35:HeadLen+40], m.body[35:40]) // not looked at
			return b
		}
	default:
		t.Fatalf("decoded %v", m.Type)
	}
	return nil
}

func entries[T any](m Message, at func(int) T) (all []T) {
	for i := range m.Len() {
		all = append(all, at(i))
	}
	return all
}

// encodeCopies encodes the entries of a message about copies. What is not looked at is as it was.
func encodeCopies(m Message) []byte {
	b, at := begin(nil, m.Type)
	for i := range m.Len() {
		var one []byte
		switch m.Type {
		case TypePromise:
			one = AppendPromise(nil, m.Promise(i))[HeadLen:][:promiseLen]
		case TypeHeld:
			one = AppendHeld(nil, m.Held(i))[HeadLen:][:heldLen]
		case TypeCopied:
			one = AppendCopied(nil, m.Copied(i))[HeadLen:][:copiedLen]
			copy(one[20:24], m.body[i*copiedLen+20:])
		case TypeDrop:
			one = AppendDrop(nil, m.Drop(i))[HeadLen:][:dropLen]
			copy(one[20:24], m.body[i*dropLen+20:])
		case TypeFetch:
			one = AppendFetch(nil, m.Fetch(i))[HeadLen:][:fetchLen]
		}
		one[1] = m.body[i*len(one)+1]
		b = append(b, one...)
	}
	return finish(b, at, m.Len())
}
