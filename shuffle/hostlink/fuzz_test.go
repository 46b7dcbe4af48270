package hostlink

import (
	"encoding/binary"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// sharing is a host whose log has one segment, with a DATA frame at an offset.
type sharing struct {
	host   *Host
	seg    ringlog.Shared
	lease  ringlog.Lease
	offset uint32
}

const sharedFrameLen = 4096

func newSharing(f *testing.F) sharing {
	f.Helper()
	must := func(err error) {
		if err != nil {
			f.Fatal(err)
		}
	}
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: ringlog.MinSegmentBytes, LimitBytes: 8 * ringlog.MinSegmentBytes})
	must(err)
	log, err := arena.NewLog(ringlog.LogConfig{Incarnation: 1})
	must(err)
	if _, _, err = log.Claim(sharedFrameLen); err != nil {
		f.Fatal(err)
	}
	s := sharing{}
	s.lease, err = log.Acquire(log.Commit(frame.Header{Type: frame.Data, Tick: 1}))
	must(err)
	if arena.CanShare() {
		s.seg, _ = arena.Share(s.lease.Bytes())
		s.offset, _ = s.seg.Offset(s.lease.Bytes())
	}
	s.host, err = Listen(Config{Identity: wire.Identity{Job: "job", Node: 1, Incarnation: 1, Token: []byte("token")}, Arena: arena})
	must(err)
	f.Cleanup(func() {
		s.lease.Release()
		if arena.CanShare() {
			s.seg.Release()
		}
		if err := s.host.Close(); err != nil {
			f.Error(err)
		}
		if err := arena.Close(); err != nil {
			f.Error(err)
		}
	})
	return s
}

// FuzzMessages: whatever a peer says on the connection or puts into the ring of mail (offers, references, what it forgets or releases), and wherever it
// says that its mail ends, what is mapped is unmapped at the end.
func FuzzMessages(f *testing.F) {
	s := newSharing(f)
	ref := func(r wire.Ref) []byte { return wire.AppendRefs(nil, []wire.Ref{r}) }
	good := ref(wire.Ref{Slot: 1, Offset: s.offset, Len: sharedFrameLen})
	for _, said := range [][]byte{
		good,
		ref(wire.Ref{Slot: 1, Offset: 1<<32 - 64, Len: 1<<32 - 1}),
		append(good[:len(good):len(good)], wire.AppendForget(nil, []wire.Slot{1, 2})...),
		ref(wire.Ref{Slot: 2, Offset: 4096, Len: 64}),
		append(wire.AppendShare(nil), wire.AppendReleased(nil, []wire.Released{{Slot: 1, Frames: 1}})...),
		append(wire.AppendAside(nil, 1), wire.AppendBell(nil)...),
		wire.AppendOffer(nil, wire.Key{1}),
	} {
		f.Add(said, uint64(0))
		f.Add(said, uint64(len(said)))
		f.Add(said, uint64(1)<<40)
	}
	f.Fuzz(func(t *testing.T, b []byte, tail uint64) {
		in := s.host.Incoming(netio.Peer{Node: 2, Incarnation: 1}, &sink{}).(*receiver)
		out := s.host.Outgoing(netio.Peer{Node: 2, Incarnation: 1}, &source{}).(*sender)
		if err := out.Attach(wire.Hello{}); err != nil {
			t.Fatal(err)
		}
		in.fetcher = deadFetcher(t)
		in.mu.segments = map[wire.Slot]*segment{}
		if fd, err := s.descriptor(); err == nil {
			foreign, err := ringlog.MapForeign(fd, ringlog.MinSegmentBytes)
			if err != nil {
				t.Fatal(err)
			}
			in.mu.segments[1] = &segment{Foreign: foreign, owner: in, current: true}
			s.host.stats.mapped.Add(1)
		}
		if tail > 0 {
			mail := make([]byte, 4096)
			copy(mail, b)
			words := make([]byte, 256)
			r := newRing(words, mail)
			r.tail.Store(tail)
			in.forward.open(&r, true)
			if _, err := in.forward.poll(); err == nil && tail <= uint64(len(mail)) && r.head.Load() != tail && in.forward.mu.asides == 0 {
				t.Errorf("read %d bytes of mail, want %d", r.head.Load(), tail)
			}
		}
		say(in, out, b)
		in.Detach(netio.ErrLost)
		out.Detach(netio.ErrLost)
		if n := s.host.Stats().MappedSegments; n != 0 {
			t.Fatalf("%d segments are still mapped", n)
		}
	})
}

// say hands units of a connection to both ends, until one objects.
func say(in *receiver, out *sender, b []byte) {
	for len(b) >= wire.HeadLen {
		h, err := wire.ParseHead(b, 1<<20)
		if err != nil || h.Padded() > len(b) {
			return
		}
		unit := b[:h.Len]
		wire.Seal(unit)
		b = b[h.Padded():]
		if m, err := wire.Decode(unit); err == nil {
			_ = out.Receive(m)
		}
		if err := in.Frame(unit); err != nil {
			return
		}
		_ = in.Messages(nil)
	}
}

func (s *sharing) descriptor() (int, error) {
	if !s.host.cfg.Arena.CanShare() {
		return -1, unix.EBADF
	}
	return s.seg.Descriptor()
}

// deadFetcher asks a sender that does not answer.
func deadFetcher(t *testing.T) *fetcher {
	a, b := socketPair(t)
	b.Close()
	t.Cleanup(func() { a.Close() })
	return &fetcher{conn: a, timeout: time.Second}
}

func socketPair(t *testing.T) (*net.UnixConn, *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(file)
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		ends[i] = c.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

// FuzzAnswer: whatever a sender answers to the question for a descriptor, and however many it sends along, none stays open but that of a segment.
func FuzzAnswer(f *testing.F) {
	answer := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 1), ringlog.MinSegmentBytes)
	for n := range byte(4) {
		f.Add(answer, n, true)
	}
	f.Add(answer, byte(1), false)
	f.Add(answer[:5], byte(1), true)
	f.Add(make([]byte, answerLen), byte(0), true)
	f.Fuzz(func(t *testing.T, b []byte, descriptors byte, sealed bool) {
		fd, err := unix.MemfdCreate("fuzz-answer", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Ftruncate(fd, ringlog.MinSegmentBytes); err != nil {
			t.Fatal(err)
		}
		if sealed {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
				t.Fatal(err)
			}
		}
		ours, theirs := socketPair(t)
		fds := []int{fd, fd, fd}[:descriptors%4]
		if len(b) > 0 {
			if _, _, err := theirs.WriteMsgUnix(b[:min(len(b), 100)], unix.UnixRights(fds...), nil); err != nil {
				t.Fatal(err)
			}
		}
		theirs.Close()
		foreign, err := (&fetcher{conn: ours, timeout: time.Second}).segment(1)
		if err == nil {
			if len(fds) != 1 || !sealed {
				t.Errorf("mapped one of %d descriptors, sealed %v", len(fds), sealed)
			}
			foreign.Unmap()
		}
		ours.Close()
		if n := openFiles(t, "fuzz-answer"); n != 1 {
			t.Fatalf("%d descriptors are open, want the test's own", n)
		}
	})
}

func openFiles(t *testing.T, name string) (n int) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && to == "/memfd:"+name+" (deleted)" {
			n++
		}
	}
	return n
}

// FuzzServe: whatever comes to the socket of descriptors, the one that serves it ends with the connection. Nobody reads the answers: what comes is
// short enough for them to fit the socket.
func FuzzServe(f *testing.F) {
	s := newSharing(f)
	id := wire.Identity{Job: "job", Node: 2, Incarnation: 1, Token: []byte("token")}
	hello := id.Greet(1, 1, 1)
	good := wire.AppendHello(nil, wire.TypeHello, &hello)
	f.Add(append(good, 1, 0, 0, 0, 2, 0, 0, 0))
	f.Add(good[:20])
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	s.host.Outgoing(netio.Peer{Node: 2, Incarnation: 1}, &source{})
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, theirs := socketPair(t)
		defer theirs.Close()
		if _, err := theirs.Write(b[:min(len(b), 800)]); err != nil {
			t.Fatal(err)
		}
		if err := theirs.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.host.places <- struct{}{}
		s.host.running.Add(1)
		s.host.serve(ours)
	})
}
