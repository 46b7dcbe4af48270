package peers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/state/snapshot"
)

// encode is an entry as a peer keeps it.
func encode(e entry) []byte { return append(e.appendHead(nil), e.bytes...) }

// FuzzParseEntry: what is refused is damage, and what is taken is written as it was read.
func FuzzParseEntry(f *testing.F) {
	f.Add([]byte{})
	f.Add(encode(entry{kind: piece, name: "a/b", bytes: []byte("xyz")}))
	f.Add(encode(entry{kind: created, name: "a", total: 3, bytes: []byte("xyz")}))
	f.Add(encode(entry{kind: swapped, name: "m"}))
	f.Add(encode(entry{kind: deleted, name: "m"}))
	f.Add([]byte{byte(deleted), 1, 'm', 0})
	f.Add([]byte{byte(created), 1, 'm', 0, 0, 0})
	f.Add([]byte{byte(kindsEnd), 1, 'm'})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEntry(b)
		if err != nil {
			if !errors.Is(err, snapshot.ErrDamaged) {
				t.Fatalf("%v, want damage", err)
			}
			return
		}
		if got := encode(e); !bytes.Equal(got, b) {
			t.Fatalf("read %x, written as %x", b, got)
		}
	})
}

// FuzzTaking has a peer give whatever it likes: each entry is a tick u8, a length u16, and so many bytes. What comes of it are whole objects, or damage.
func FuzzTaking(f *testing.F) {
	stream := func(all ...[]byte) (b []byte) {
		for i, e := range all {
			b = append(binary.LittleEndian.AppendUint16(append(b, byte(1+i/2)), uint16(len(e))), e...)
		}
		return b
	}
	half, whole := encode(entry{kind: piece, name: "a", bytes: []byte("xy")}), encode(entry{kind: created, name: "a", total: 3, bytes: []byte("z")})
	f.Add(stream(half, whole))
	f.Add(stream(half, encode(entry{kind: created, name: "b", total: 3, bytes: []byte("z")})))
	f.Add(stream(half, whole, half, whole))
	f.Add(stream(half, whole, encode(entry{kind: swapped, name: "a"}), encode(entry{kind: deleted, name: "a"})))
	f.Add(stream(whole))
	f.Fuzz(func(t *testing.T, b []byte) {
		taking, taken := newTaking(), 0
		for len(b) >= 3 {
			n := min(int(binary.LittleEndian.Uint16(b[1:])), len(b)-3)
			if err := taking.take(replica.Entry{Tick: frame.Tick(b[0]), Bytes: b[3 : 3+n]}); err != nil {
				if !errors.Is(err, snapshot.ErrDamaged) {
					t.Fatalf("%v, want damage", err)
				}
				return
			}
			taken, b = taken+n, b[3+n:]
		}
		for name, o := range taking.objects {
			if o.name != name || int(o.size()) != len(bytes.Join(o.pieces, nil)) || int(o.size()) > taken {
				t.Fatalf("%q is %q, of %d bytes, of %d that were given", name, o.name, o.size(), taken)
			}
		}
	})
}
