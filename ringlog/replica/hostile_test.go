package replica

import (
	"errors"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// copyOf is a COPY of an entry of the journal of node 2, as its owner sends it.
func copyOf(number, prev uint64, tick frame.Tick, b []byte) []byte {
	s := Stream{Kind: Journal, Owner: 2, ID: 1}
	e := wire.Entry{Stream: s.wire(), Life: 1, Number: number, Prev: prev, Tick: tick, Sum: sumOf(s, 1, number, tick, b)}
	u := wire.AppendEntry(nil, wire.TypeCopy, &e, b)
	return u[:wire.EntryHeadLen+len(b)]
}

// promised is a node that expects entries of life 1 of node 2.
func promised(t testing.TB) (*Node, netio.Incoming) {
	t.Helper()
	n := New(Config{Self: Member{1, 1}})
	in := n.Incoming(Member{2, 1})
	if err := in.Attach(wire.Hello{}); err != nil {
		t.Fatal(err)
	}
	s := Stream{Kind: Journal, Owner: 2, ID: 1}.wire()
	p := wire.AppendPromise(nil, wire.Promise{Stream: s, Incarnation: 1, Life: 1})
	if err := in.Frame(p[:wire.HeadLen+24+wire.SumLen]); err != nil {
		t.Fatal(err)
	}
	return n, in
}

// Every bit of an entry that flips on its way ends the connection, and none that flips where it lies is handed out.
func TestDamageIsFound(t *testing.T) {
	body := []byte("what a source wrote down")
	good := copyOf(1, 0, 5, body)
	for bit := range len(good) * 8 {
		if bit/8 >= wire.HeadLen+1 && bit/8 < wire.HeadLen+2 || bit/8 >= 40 && bit/8 < 48 {
			continue // not looked at; and the number before, which is about the connection
		}
		_, in := promised(t)
		bad := append([]byte(nil), good...)
		bad[bit/8] ^= 1 << (bit % 8)
		if err := in.Frame(bad); err == nil {
			t.Fatalf("bit %d flipped: taken", bit)
		}
	}
	n, in := promised(t)
	if err := in.Frame(good); err != nil {
		t.Fatal(err)
	}
	s := Stream{Kind: Journal, Owner: 2, ID: 1}
	read := func() error { return n.Read(s, 1, 0, 0, func(Entry) error { return nil }) }
	if err := read(); err != nil {
		t.Fatal(err)
	}
	n.mu.holder.find(s, 1).entries[0].bytes[3] ^= 4
	if err := read(); !errors.Is(err, ErrMissing) {
		t.Errorf("damaged at rest: %v", err)
	}
}

// What no correct owner sends ends the connection, by name.
func TestHostileOwner(t *testing.T) {
	other := Stream{Kind: Journal, Owner: 3, ID: 1}.wire()
	for name, c := range map[string]struct {
		units [][]byte
		want  error
	}{
		"a gap":              {[][]byte{copyOf(1, 0, 1, nil), copyOf(3, 2, 3, nil)}, ErrGap},
		"another content":    {[][]byte{copyOf(1, 0, 1, []byte("a")), copyOf(1, 0, 1, []byte("b"))}, ErrConflict},
		"another's stream":   {[][]byte{wire.AppendDrop(nil, wire.Drop{Stream: other})[:wire.HeadLen+32+wire.SumLen]}, ErrProtocol},
		"another life":       {[][]byte{wire.AppendPromise(nil, wire.Promise{Stream: Stream{Kind: Journal, Owner: 2}.wire(), Incarnation: 9, Life: 9})[:wire.HeadLen+24+wire.SumLen]}, ErrProtocol},
		"no kind":            {[][]byte{wire.AppendFetch(nil, wire.Fetch{})[:wire.HeadLen+40+wire.SumLen]}, wire.ErrGarbage},
		"a receiver's words": {[][]byte{wire.AppendCopied(nil, wire.Copied{Stream: other})[:wire.HeadLen+32+wire.SumLen]}, ErrProtocol},
	} {
		_, in := promised(t)
		var err error
		for _, u := range c.units {
			if err == nil {
				err = in.Frame(u)
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// mine lends the same at every position.
type mine struct{}

func (m mine) Lend(frame.Pos, bool) (Lent, error) { return m, nil }
func (mine) Bytes() []byte                        { return []byte("mine") }
func (mine) Release()                             {}

// FuzzLink feeds both ends of a link with units as netio lets them pass: nothing panics, and what is held keeps to its invariants.
func FuzzLink(f *testing.F) {
	f.Add(copyOf(1, 0, 1, []byte("x")))
	f.Add(append(copyOf(1, 0, 1, make([]byte, 64)), copyOf(2, 1, 2, nil)...))
	s := Stream{Kind: Journal, Owner: 2, ID: 1}.wire()
	l := Stream{Kind: Log, Owner: 2, ID: 1}.wire()
	f.Add(wire.AppendEntry(wire.AppendPromise(nil, wire.Promise{Stream: l, Incarnation: 1, Life: 1}), wire.TypeFetched, &wire.Entry{Stream: l, Life: 1, Number: 1, Tick: 1}, []byte("x")))
	f.Add(wire.AppendHeld(wire.AppendCopied(nil, wire.Copied{Stream: s, Life: 1, Number: 1}), wire.Held{Stream: s, Promised: 1, Life: 1, Last: 1}))
	f.Add(wire.AppendDrop(wire.AppendFetch(nil, wire.Fetch{Stream: s, Life: 1, MaxBytes: 100}), wire.Drop{Stream: s, Tick: 1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, in := promised(t)
		n.SetOthers(func(Stream) []frame.NodeID { return []frame.NodeID{2} })
		own := n.Own(Stream{Kind: Log, ID: 1}, OwnedConfig{Lender: mine{}})
		own.SetPeers([]Member{{2, 1}})
		own.Note(1, 0, mine{}.Bytes())
		out := n.Outgoing(Member{2, 1})
		if err := out.Attach(wire.Hello{}); err != nil {
			t.Fatal(err)
		}
		for len(b) >= wire.HeadLen {
			h, err := wire.ParseHead(b, 1<<16)
			if err != nil || int(h.Len) > len(b) {
				return
			}
			u := b[:h.Len]
			wire.Seal(u)
			b = b[min(h.Padded(), len(b)):]
			if netio.CheckForward(u, 1<<16) == nil && in.Frame(u) != nil {
				return
			}
			if m, err := netio.CheckReverse(u); err == nil && out.Receive(m) != nil {
				return
			}
			out.Gather(nil, 1<<16)
			out.Sent(nil)
			in.Messages(nil)
		}
		for _, st := range n.mu.holder.streams {
			for _, l := range st.lives {
				last := uint64(0)
				for _, e := range l.entries {
					if e.number <= last || e.number > l.last {
						t.Fatalf("entry %d after %d, of %d", e.number, last, l.last)
					}
					last = e.number
				}
			}
		}
	})
}
