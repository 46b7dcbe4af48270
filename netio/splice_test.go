package netio

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// socket is a connection over loopback, and a descriptor of one end as a connection of a link has it.
func socket(t *testing.T) (fd int, peer net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if peer, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	fd = int(f.Fd()) // blocking from here on
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(f.Close(), peer.Close()) })
	return fd, peer
}

func splicerOf(t *testing.T, fd int) *splicer {
	t.Helper()
	s, err := newSplicer(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// What is spliced arrives as it is, wherever it begins and ends in its pages, to a reader that is slower than the sender: the socket is full at times.
func TestSplicedBytesArrive(t *testing.T) {
	const seed = 8
	rng := rand.New(rand.NewPCG(seed, 0))
	fd, peer := socket(t)
	s := splicerOf(t, fd)
	memory := make([]byte, 12<<20)
	for i := range memory {
		memory[i] = byte(rng.Uint32())
	}
	var want []byte
	sent := make(chan error, 1)
	var pieces [][]byte
	for range 30 {
		at := rng.IntN(len(memory) - 1<<20)
		p := memory[at : at+1+rng.IntN(1<<20)]
		pieces, want = append(pieces, p), append(want, p...)
	}
	go func() {
		for i, p := range pieces {
			if err := s.send(p, i+1 < len(pieces)); err != nil {
				sent <- err
				return
			}
		}
		sent <- unix.Shutdown(fd, unix.SHUT_WR)
	}()
	var got []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := peer.Read(buf[:1+rng.IntN(len(buf))])
		got = append(got, buf[:n]...)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("seed %d: %d bytes arrived, want %d, or others than were sent", seed, len(got), len(want))
	}
}

// A peer that is gone ends the wait for room, and is a lost connection.
func TestSplicingToNobody(t *testing.T) {
	fd, peer := socket(t)
	s := splicerOf(t, fd)
	piece := make([]byte, 1<<20)
	ended := make(chan error, 1)
	full := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			if err := s.send(piece, false); err != nil {
				ended <- err
				return
			}
			if i == 1 {
				close(full)
			}
		}
	}()
	<-full
	if err := peer.Close(); err != nil { // with input unread: a reset
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrLost) {
		t.Errorf("got %v, want %v", err, ErrLost)
	}
}

// Where nothing can be spliced to, nothing was sent, and the caller is told to copy.
func TestNoSplicing(t *testing.T) {
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "appended"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := splicerOf(t, int(f.Fd()))
	if err := s.send(make([]byte, SpliceBytes), false); !errors.Is(err, errNoSplice) {
		t.Errorf("got %v, want %v", err, errNoSplice)
	}
	if st, err := f.Stat(); err != nil || st.Size() != 0 {
		t.Errorf("%d bytes were written, %v", st.Size(), err)
	}
}
