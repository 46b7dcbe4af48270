package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/s3/s3test"
)

// partLeast is the least that servers take for all parts but the last.
const partLeast = 5 << 20

func TestPartsAndRangesOnARealServer(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, server.Config("p")).Tune(1<<20, partLeast, time.Millisecond)
	rng := rand.NewChaCha8([32]byte{7})
	place := rand.New(rng)
	for _, size := range []int{0, 1, partLeast, partLeast + 1, 2*partLeast + 12345} {
		data := make([]byte, size)
		_, _ = rng.Read(data) // never fails
		name := fmt.Sprintf("a/%d", size)
		write := func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		}
		if err := s.Create(name, write); err != nil {
			t.Fatal(err)
		}
		if err := s.Create(name, write); !errors.Is(err, snapshot.ErrExists) {
			t.Errorf("%d bytes once more: %v", size, err)
		}
		o, err := s.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		if err != nil || o.Size() != int64(size) || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: read %d, unlike them, of %d: %v", size, len(got), o.Size(), err)
		}
		for range 10 {
			from := place.IntN(size + 1)
			b := make([]byte, place.IntN(size-from+1))
			if _, err := o.ReadAt(b, int64(from)); err != nil || !bytes.Equal(b, data[from:from+len(b)]) {
				t.Errorf("%d bytes: %d from %d on: %v", size, len(b), from, err)
			}
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The server dies between any two calls, and is back a moment later, or only after the next call has begun.
func TestServerRestarts(t *testing.T) {
	server := s3test.Start(t)
	s := open(t, server.Config("p"))
	var version snapshot.Version
	var object snapshot.Object
	steps := []func() error{
		func() error { return s.Create("a", writing("text")) },
		func() (err error) { version, err = s.Swap("m", "", []byte("1")); return err },
		func() (err error) { version, err = s.Swap("m", version, []byte("2")); return err },
		func() (err error) { object, err = s.Open("a"); return err },
		func() error { _, err := object.ReadAt(make([]byte, 4), 0); return errors.Join(err, object.Close()) },
		func() error { _, v, err := s.Load("m"); return errors.Join(err, same(v, version)) },
		func() error { names, err := s.List(""); return errors.Join(err, same(len(names), 2)) },
		func() error { return s.Delete("a") },
	}
	for i, step := range steps {
		server.Kill()
		ended := make(chan error)
		if i%2 == 0 {
			server.Restart()
		}
		go func() { ended <- step() }()
		if i%2 == 1 {
			server.Restart()
		}
		if err := <-ended; err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

func same[T comparable](got, want T) error {
	if got != want {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	return nil
}

// Many count in one object, each with its own store: no count is lost, so of those who swap one version, one gets through.
func TestSwapsOfMany(t *testing.T) {
	server := s3test.Start(t)
	const counters, counts = 4, 8
	var all sync.WaitGroup
	for range counters {
		s := open(t, server.Config("p"))
		all.Go(func() {
			for done := 0; done < counts; {
				n := 0
				b, v, err := s.Load("n")
				if err == nil {
					n, err = strconv.Atoi(string(b))
				} else if errors.Is(err, snapshot.ErrNotFound) {
					err = nil
				}
				if err == nil {
					_, err = s.Swap("n", v, []byte(strconv.Itoa(n+1)))
				}
				switch {
				case err == nil:
					done++
				case !errors.Is(err, snapshot.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b, _, err := open(t, server.Config("p")).Load("n")
	if err != nil || string(b) != strconv.Itoa(counters*counts) {
		t.Errorf("%d counted %d times: %s, %v", counters, counts, b, err)
	}
}

// A chain of snapshots lies in a bucket as it lies in a directory, and whoever opens it fences the one before.
func TestChainInABucket(t *testing.T) {
	server := s3test.Start(t)
	chain := func() *snapshot.Chain {
		c, err := snapshot.OpenChain(snapshot.Config{Store: open(t, server.Config("p")), Job: 3, Task: 5})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := chain()
	for tick := range 3 {
		if _, err := first.Write(ticks[tick], image(tick)); err != nil {
			t.Fatal(err)
		}
	}
	second := chain()
	if _, err := first.Write(9, image(9)); !errors.Is(err, snapshot.ErrConflict) {
		t.Errorf("a writer that was fenced: %v", err)
	}
	if err := second.Trim(ticks[2]); err != nil {
		t.Error(err)
	}
	var store snapshot.Store = open(t, server.Config("p"))
	for tick, want := range []error{snapshot.ErrNotFound, nil, nil} {
		l, err := snapshot.Load(store, 3, 5, ticks[tick])
		if !errors.Is(err, want) {
			t.Fatalf("load of tick %d: %v, want %v", ticks[tick], err, want)
		}
		if err != nil {
			continue
		}
		if want := image(tick).Extra; !bytes.Equal(l.Extra, want) {
			t.Errorf("tick %d holds %q, want %q", ticks[tick], l.Extra, want)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if names, err := store.List("job-"); err != nil || len(names) != 3 {
		t.Errorf("%q, %v; want the manifest and two files", names, err)
	}
}

var ticks = []frame.Tick{4, 6, 8}

func image(of int) *snapshot.Image {
	return &snapshot.Image{Extra: fmt.Append(nil, "what a task keeps ", of)}
}
