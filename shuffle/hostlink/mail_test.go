package hostlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
)

// ends are the two ends of a ring in one piece of memory.
func ends(size int) (w, r ring, words []byte) {
	words = make([]byte, reverseWords)
	data := make([]byte, size)
	return newRing(words, data), newRing(words, data), words
}

// forgets is a unit of some length that tells which it is.
func forgets(number, slots int) []byte {
	all := make([]wire.Slot, slots)
	for i := range all {
		all[i] = wire.Slot(number + i)
	}
	return wire.AppendForget(nil, all)
}

// What is read is what was written, in order, wherever the ring wraps; whoever sleeps is told, once.
func TestRingKeepsUnits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, r, _ := ends(1 << 10)
		var want [][]byte // put, not read
		var scratch []byte
		published, asleep, waits := 0, false, false
		n := 0
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				b := forgets(n, rapid.IntRange(1, 60).Draw(t, "slots"))
				room := w.hasRoom(len(b))
				used := 0
				for _, u := range want {
					used += len(u)
				}
				if free := 1<<10 - used; room && len(b) > free {
					t.Fatalf("room for %d bytes, %d are free", len(b), free)
				}
				if !room {
					waits = true
					return
				}
				w.put(b)
				want = append(want, b)
				n++
			},
			"publish": func(t *rapid.T) {
				if got, due := w.publish(), asleep && published < len(want); got != due {
					t.Fatalf("told: %v, want %v", got, due)
				}
				asleep = asleep && published == len(want)
				published = len(want)
			},
			"sleep": func(t *rapid.T) {
				r.bell.Store(1)
				asleep = true
			},
			"read": func(t *rapid.T) {
				read := 0
				for {
					b, s, err := r.next(scratch, 1<<10)
					scratch = s
					if err != nil {
						t.Fatal(err)
					}
					if b == nil {
						break
					}
					if head, _ := wire.ParseHead(want[read], 1<<10); !bytes.Equal(b, want[read][:head.Len]) {
						t.Fatalf("got %x, want %x", b, want[read])
					}
					read++
				}
				if read != published {
					t.Fatalf("%d units, want %d", read, published)
				}
				want, published = want[read:], 0
				if told := r.taken(); told != waits {
					t.Fatalf("the writer is told: %v, want %v", told, waits)
				}
				waits = false
			},
		})
	})
}

// Whatever the other process writes, a reader reads no more than there is, and a writer writes no more than fits.
func TestRingIsHostile(t *testing.T) {
	long := forgets(1, 100)
	for name, spoil := range map[string]func(words, data []byte){
		"more than the ring":   func(words, _ []byte) { binary.LittleEndian.PutUint64(words[tailAt:], 1<<20) },
		"less than was read":   func(words, _ []byte) { binary.LittleEndian.PutUint64(words[tailAt:], 1<<64-64) },
		"half a block":         func(words, _ []byte) { binary.LittleEndian.PutUint64(words[tailAt:], 100) },
		"longer than there is": func(_, data []byte) { copy(data, long) },
		"an unknown type":      func(_, data []byte) { data[4] = 0xff },
		"no length":            func(_, data []byte) { clear(data[:4]) },
	} {
		w, r, words := ends(1 << 10)
		w.put(wire.AppendPing(nil))
		w.publish()
		spoil(words, w.data)
		if b, _, err := r.next(nil, 1<<10); !errors.Is(err, wire.ErrGarbage) {
			t.Errorf("%s: %x, %v; want %v", name, b, err, wire.ErrGarbage)
		}
	}
	w, _, words := ends(1 << 10)
	binary.LittleEndian.PutUint64(words[headAt:], 64)
	if w.hasRoom(1) {
		t.Error("room behind a reader that has read what was not written")
	}
}

// A mailbox is what it says, and cannot shrink.
func TestMailboxDescriptor(t *testing.T) {
	m, err := newMailbox()
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	dup := func(fd int) int {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := unix.Ftruncate(m.fd, 0); err == nil {
		t.Error("the memory shrank")
	}
	theirs, err := mapMailbox(dup(m.fd), mailBytes)
	if err != nil {
		t.Fatal(err)
	}
	m.forward.put(wire.AppendPing(nil))
	if !m.forward.publish() {
		t.Error("a reader that never looked is not told")
	}
	if b, _, err := theirs.forward.next(nil, 1<<10); err != nil || wire.Type(b[4]) != wire.TypePing {
		t.Errorf("got %x, %v", b, err)
	}
	theirs.close()
	if _, err := mapMailbox(dup(m.fd), mailBytes/2); !errors.Is(err, wire.ErrGarbage) {
		t.Errorf("half of it: %v, want %v", err, wire.ErrGarbage)
	}
	loose, err := unix.MemfdCreate("loose", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mapMailbox(loose, mailBytes); err == nil {
		t.Error("memory that may shrink was mapped")
	}
}

// endless always has more to say, and counts what was taken.
type endless struct {
	source
	gathered int
}

func (e *endless) Gather(pieces [][]byte, _ int) [][]byte {
	for len(pieces) < netio.MaxPieces {
		pieces = append(pieces, forgets(0, (mailUnitBytes-wire.HeadLen-wire.SumLen)/4))
		e.gathered++
	}
	return pieces
}

// A sender whose mailbox is full waits, takes nothing that it cannot place, and is told when there is room.
func TestFullMailboxWaits(t *testing.T) {
	n := testHost(t)
	if !n.arena.CanShare() {
		t.Log("this build has no mailboxes")
		return
	}
	src := &endless{}
	out := n.host.Outgoing(netio.Peer{Node: reader, Incarnation: 1}, src).(*sender)
	if err := out.Attach(wire.Hello{}); err != nil {
		t.Fatal(err)
	}
	defer out.Detach(netio.ErrLost)
	out.Gather(nil, 1<<20) // OFFER
	out.Sent(nil)
	if err := out.share(); err != nil {
		t.Fatal(err)
	}
	theirs := newRing(out.mu.mail.mem, out.mu.mail.forward.data)
	read := 0
	for range 10 {
		out.Gather(nil, 1<<20)
		out.Sent(nil)
		if before := src.gathered; len(out.Gather(nil, 1<<20)) > 0 || src.gathered > before {
			t.Fatal("more was taken than there is room for")
		}
		for {
			b, _, err := theirs.next(nil, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if b == nil {
				break
			}
			read++
		}
		if !theirs.taken() {
			t.Error("nobody is told of the room")
		}
	}
	if read == 0 || read != src.gathered {
		t.Errorf("%d units were read, %d gathered", read, src.gathered)
	}
}
