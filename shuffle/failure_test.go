package shuffle

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/ringlogtest"
)

// TestMain is also a process that takes part in a shuffle until it is killed.
func TestMain(m *testing.M) {
	addr := os.Getenv("SHUFFLE_TEST_PEER")
	if addr == "" {
		ringlogtest.Exit(m.Run())
	}
	cfg := killConfig(1)
	cfg.Meet = func(own string) ([]string, error) {
		fmt.Println(own)
		return []string{addr, own}, nil
	}
	s, err := Open(context.Background(), cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = s.Close()
}

func killConfig(self int) Config {
	c := tiny(false)
	c.Self, c.Token, c.PeerTimeout = self, "secret", 200*time.Millisecond
	c.Peers = []string{"", ""}
	c.Peers[self] = "127.0.0.1:0"
	return c
}

func TestKilledPeerIsNamed(t *testing.T) {
	checkLeaks(t)
	joined := make(chan struct{})
	cfg := killConfig(0)
	cfg.Events.PeerUp = func(int) { close(joined) }
	var child *exec.Cmd
	cfg.Meet = func(addr string) ([]string, error) {
		child = exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "SHUFFLE_TEST_PEER="+addr)
		child.Stderr = os.Stderr
		if _, err := child.StdinPipe(); err != nil {
			return nil, err
		}
		out, err := child.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := child.Start(); err != nil {
			return nil, err
		}
		other, err := bufio.NewReader(out).ReadString('\n')
		return []string{addr, strings.TrimSpace(other)}, err
	}
	s, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	<-joined
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	check := func(where string, err error) {
		t.Helper()
		var lost *PeerError
		if !errors.As(err, &lost) || lost.Node != 1 || !errors.Is(err, ErrGone) {
			t.Errorf("%s: got %v, want process 1 lost", where, err)
		}
	}
	_, err = s.Reader(0).Next(context.Background())
	check("reader", err)
	check("writer", s.Writer(0).Write(context.Background(), rowsOf(10, 0)))
	_, err = s.Writer(0).TryWrite(rowsOf(10, 0))
	check("writer that does not wait", err)
	check("close", s.Close())
}

// rowsOf makes n rows of one time, with keys and sequence numbers from 0.
func rowsOf(n int, vs int64) *Batch {
	b := NewBuilder(testSchema)
	for i := range int64(n) {
		appendTestRow(b, i, i)
		b.Vs[i] = vs
	}
	return b.View()
}

func TestPeerThatLeavesEarlyIsNamed(t *testing.T) {
	all := openAll(t, 2, tiny(false))
	if _, err := readCTI(all); err != nil { // both are there
		t.Fatal(err)
	}
	if err := all[1].Close(); err != nil {
		t.Fatal(err)
	}
	_, err := all[0].Reader(0).Next(context.Background())
	var lost *PeerError
	if !errors.As(err, &lost) || lost.Node != 1 || !errors.Is(err, ErrLeft) {
		t.Errorf("got %v, want process 1 to have left", err)
	}
	if err := all[0].Close(); !errors.Is(err, ErrLeft) {
		t.Errorf("close: got %v, want process 1 to have left", err)
	}
}

// readCTI has all writers promise something and waits until the first reader has it.
func readCTI(all []*Shuffle) (CTI, error) {
	for _, s := range all {
		for _, w := range s.writers {
			if err := w.Advance(5); err != nil {
				return 0, err
			}
		}
	}
	p, err := all[0].Reader(0).Next(context.Background())
	return p.CTI, err
}

func TestStrangersAreRefused(t *testing.T) {
	checkLeaks(t)
	m := newMeeting(2)
	var all [2]*Shuffle
	var wg sync.WaitGroup
	for n := range all {
		cfg := tiny(n == 1) // they do not agree on the mode
		cfg.Self, cfg.Token, cfg.Meet, cfg.Peers = n, "secret", m.at(n), make([]string, 2)
		cfg.Peers[n] = "127.0.0.1:0"
		wg.Go(func() { all[n], _ = Open(context.Background(), cfg) })
	}
	wg.Wait()
	for n, s := range all {
		_, err := s.Reader(0).Next(context.Background())
		var lost *PeerError
		if !errors.As(err, &lost) || lost.Node != 1-n || !errors.Is(err, ErrRefused) {
			t.Errorf("process %d: got %v, want a refusal by %d", n, err, 1-n)
		}
	}
	for n, s := range all { // not before: a process that is gone refuses nobody
		if err := s.Close(); !errors.Is(err, ErrRefused) {
			t.Errorf("process %d: close: %v", n, err)
		}
	}
}

// Connections are cut at random moments; every row arrives once.
func TestCutLinksLoseNothing(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		all := openAll(t, 2, tiny(ordered))
		const batches, n = 60, 100
		var wg sync.WaitGroup
		got := make([][]int64, 2)
		ctx := context.Background()
		for i, s := range all {
			wg.Go(func() {
				for k := range batches {
					b := NewBuilder(testSchema)
					for row := range n {
						appendTestRow(b, int64(row), int64((i*batches+k)*n+row))
					}
					if err := s.Writer(0).Write(ctx, b.View()); err != nil {
						t.Error(err)
					}
					if ordered {
						if err := s.Writer(0).EndRound(ctx, NoCTI); err != nil {
							t.Error(err)
						}
					}
					if k%4 == i {
						s.peers[1-i].out.Load().Cut(errCut)
					}
				}
				if err := s.Writer(0).Close(); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				err := readAll(ctx, s.Reader(0), func(p Piece) {
					if p.Rows != nil {
						got[i] = append(got[i], p.Rows.Cols[3].Int64s()...)
					}
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		closeAll(t, all)
		rows := slices.Concat(got...)
		slices.Sort(rows)
		if len(rows) != 2*batches*n || len(slices.Compact(rows)) != 2*batches*n {
			t.Errorf("ordered %v: got %d rows, %d of them different, want %d", ordered, len(rows), len(slices.Compact(rows)), 2*batches*n)
		}
	}
}

// A process that was started again knows nothing of what the first one took: its sessions begin anew.
func TestRestartedPeerIsNoticed(t *testing.T) {
	all := openAll(t, 2, tiny(false))
	out := &sameLife{outgoing: newOutgoing(all[0].exchange, 1), s: all[0], p: all[0].peers[1], last: 7}
	attach := func(session wire.Session) error {
		b := wire.AppendAttach(nil, []wire.Grant{{Edge: theEdge, Session: session}})
		h, err := wire.ParseHead(b, len(b))
		if err != nil {
			t.Fatal(err)
		}
		m, err := wire.Decode(b[:h.Len])
		if err != nil {
			t.Fatal(err)
		}
		return out.Receive(m)
	}
	if err := attach(8); err != nil {
		t.Fatalf("the same process attaches again: %v", err)
	}
	err := attach(1)
	var lost *PeerError
	if !errors.As(err, &lost) || lost.Node != 1 || !errors.Is(all[0].Err(), ErrRestarted) {
		t.Errorf("got %v, and %v of the shuffle; want process 1 replaced", err, all[0].Err())
	}
}

func TestEventsAreTold(t *testing.T) {
	cfg := tiny(false)
	up, down, stats := make(chan int, 16), make(chan int, 16), make(chan Stats, 1024)
	cfg.Events = Events{
		PeerUp: func(n int) { up <- n }, PeerDown: func(n int, _ error) { down <- n },
		Stats: func(s Stats) { stats <- s }, StatsEvery: time.Millisecond,
	}
	all := openAll(t, 2, cfg)
	<-up
	<-up
	all[0].peers[1].out.Load().Cut(errCut)
	<-down
	<-up
	if err := all[0].Writer(0).Write(context.Background(), rowsOf(10, 0)); err != nil {
		t.Fatal(err)
	}
	for s := range stats {
		if s.RowsWritten == 10 && s.BytesOut > 0 {
			break
		}
	}
}
