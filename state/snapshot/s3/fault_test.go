package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/s3"
	"github.com/streamscope/streamscope/state/snapshot/storetest"
)

// hurtable opens a store with blocks and parts of a few bytes on a fake.
func hurtable(t *testing.T, f *fake) *s3.Store {
	return open(t, f.config()).Tune(8, 16, time.Millisecond)
}

func TestConformsOnTheFake(t *testing.T) {
	for name, tune := range map[string]func(*s3.Store) *s3.Store{
		"whole": func(s *s3.Store) *s3.Store { return s },
		// An object of more than a block is not readable when it is deleted: the kit's have 7 bytes.
		"parts": func(s *s3.Store) *s3.Store { return s.Tune(8, 3, time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) (snapshot.Store, func() snapshot.Store) {
				f := newFake(t)
				return tune(open(t, f.config())), func() snapshot.Store { return tune(open(t, f.config())) }
			})
		})
	}
}

const (
	short = "short"
	long  = "a text that takes several blocks and several parts"
)

func writing(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// script calls all there is; what it returns is the same whatever happens on the way.
func script(s *s3.Store) (string, error) {
	var said strings.Builder
	v1, err := s.Swap("d/m", "", []byte("one"))
	for name, text := range map[string]string{"d/short": short, "d/long": long} {
		err = errors.Join(err, s.Create(name, writing(text)))
	}
	v2, swapErr := s.Swap("d/m", v1, []byte("two"))
	_, conflict := s.Swap("d/m", v1, []byte("late"))
	exists := s.Create("d/long", writing(long))
	b, v, loadErr := s.Load("d/m")
	fmt.Fprintln(&said, string(b), v == v2, errors.Is(conflict, snapshot.ErrConflict), errors.Is(exists, snapshot.ErrExists))
	err = errors.Join(err, swapErr, loadErr)
	for _, name := range []string{"d/short", "d/long"} {
		o, openErr := s.Open(name)
		if openErr != nil {
			return "", errors.Join(err, openErr)
		}
		text, readErr := io.ReadAll(io.NewSectionReader(o, 0, 1<<20))
		fmt.Fprintln(&said, string(text), o.Size())
		err = errors.Join(err, readErr, o.Close(), s.Delete(name))
	}
	names, listErr := s.List("d/")
	_, missing := s.Open("d/long")
	fmt.Fprintln(&said, names, errors.Is(missing, snapshot.ErrNotFound))
	return said.String(), errors.Join(err, listErr)
}

// Whatever request of all is hurt, once or twice in a row, and however: nobody notices, and nothing is left.
func TestEveryRequestHurtInEveryWay(t *testing.T) {
	calm := newFake(t)
	want, err := script(hurtable(t, calm))
	if err != nil || !strings.Contains(want, "two true true true\nshort 5\n"+long) || !strings.HasSuffix(want, "[d/m] true\n") {
		t.Fatalf("without faults: %v\n%s", err, want)
	}
	requests := calm.mu.count
	for _, how := range []fault{busy, refused, lost, failed, torn, slow, slowDone} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			// A slow request takes as long as the deadline of one: those are hurt once.
			for at := 1; at <= requests; at++ {
				for times := 1; times == 1 || times == 2 && how != slow && how != slowDone; times++ {
					f := newFake(t)
					f.hurt(func(n int, _ *http.Request) fault {
						if n >= at && n < at+times {
							return how
						}
						return none
					})
					cfg := f.config()
					cfg.Timeout = 30 * time.Millisecond
					got, err := script(open(t, cfg).Tune(8, 16, time.Millisecond))
					if err != nil || got != want {
						t.Fatalf("%s at request %d, %d times: %v\n%s", how, at, times, err, got)
					}
					f.mu.Lock()
					if len(f.mu.objects) != 1 {
						t.Errorf("%s at request %d: %d objects are left, want the swapped one", how, at, len(f.mu.objects))
					}
					f.mu.Unlock()
				}
			}
		})
	}
}

// A put that was lost is not taken for ours when another's stands there, of the same content or not.
func TestLostPutAndAnother(t *testing.T) {
	for _, content := range []string{"ours", "another's"} {
		f := newFake(t)
		ours, other := hurtable(t, f), hurtable(t, f)
		first := true
		f.hurt(func(_ int, r *http.Request) fault {
			if first && r.Method == http.MethodPut {
				first = false
				return refused
			}
			if r.Method == http.MethodPut && f.mu.hurt != nil {
				f.mu.hurt = nil
				f.mu.Unlock()
				_, err := other.Swap("m", "", []byte(content))
				f.mu.Lock()
				if err != nil {
					t.Error(err)
				}
			}
			return none
		})
		if _, err := ours.Swap("m", "", []byte("ours")); !errors.Is(err, snapshot.ErrConflict) {
			t.Errorf("%s: %v, want a conflict", content, err)
		}
	}
}

// Answers that do not pass end a call at once, and those that do after patience; the error says where.
func TestErrorsSayWhere(t *testing.T) {
	calls := map[string]func(s *s3.Store) error{
		"create": func(s *s3.Store) error { return s.Create("d/x", writing(long)) },
		"open":   func(s *s3.Store) error { _, err := s.Open("d/x"); return err },
		"list":   func(s *s3.Store) error { _, err := s.List("d/x"); return err },
		"delete": func(s *s3.Store) error { return s.Delete("d/x") },
		"load":   func(s *s3.Store) error { _, _, err := s.Load("d/x"); return err },
		"swap":   func(s *s3.Store) error { _, err := s.Swap("d/x", "", nil); return err },
	}
	for how, words := range map[fault]string{
		busy: " tries in 50ms: ", refused: " tries in 50ms: ", slow: "no answer in 20ms", forbidden: "as the test wants it", moved: "as the test wants it",
	} {
		for op, call := range calls {
			f := newFake(t)
			f.hurt(func(int, *http.Request) fault { return how })
			cfg := f.config()
			cfg.Timeout, cfg.Patience = 20*time.Millisecond, 50*time.Millisecond
			err := call(open(t, cfg).Tune(8, 16, time.Millisecond))
			if want := op + " s3://bucket/pre/fix/d/x at " + f.url + ": "; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), words) {
				t.Errorf("%s while %s: %v, want %q and %q", op, how, err, want, words)
			}
			if (how == forbidden || how == moved) && f.mu.count != 1 {
				t.Errorf("%s while %s: %d requests, want one", op, how, f.mu.count)
			}
			if down := how != forbidden && how != moved; errors.Is(err, snapshot.ErrUnavailable) != down {
				t.Errorf("%s while %s: %v, want ErrUnavailable: %v", op, how, err, down)
			}
			for _, known := range []error{snapshot.ErrNotFound, snapshot.ErrConflict, snapshot.ErrExists} {
				if errors.Is(err, known) {
					t.Errorf("%s while %s: %v, which nobody knows", op, how, err)
				}
			}
		}
	}
}

// Servers that cannot be used are named.
func TestUnfitServers(t *testing.T) {
	for how, words := range map[fault]string{
		careless: "does not honour a condition of puts: If-", tagless: "no entity tag", none: "",
	} {
		f := newFake(t)
		f.hurt(func(int, *http.Request) fault { return how })
		err := hurtable(t, f).Check()
		if (err == nil) != (how == none) || err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("check of a server with %q: %v, want %q", how, err, words)
		}
		if len(f.mu.objects) > 0 && how != tagless {
			t.Errorf("check of a server with %q leaves %d objects", how, len(f.mu.objects))
		}
	}
}

// Blocks of an object that is another one meanwhile, or none any more, are refused.
func TestObjectChangesWhileOpen(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(f *fake, s *s3.Store) error
		want error
	}{
		"deleted": {func(_ *fake, s *s3.Store) error { return s.Delete("x") }, snapshot.ErrNotFound},
		"replaced": {func(_ *fake, s *s3.Store) error {
			return errors.Join(s.Delete("x"), s.Create("x", writing(strings.ToUpper(long))))
		}, snapshot.ErrDamaged},
		"wrong tag": {func(f *fake, _ *s3.Store) error {
			f.hurt(func(int, *http.Request) fault { return otherTag })
			return nil
		}, snapshot.ErrDamaged},
		"no ranges": {func(f *fake, _ *s3.Store) error {
			f.hurt(func(int, *http.Request) fault { return rangeless })
			return nil
		}, s3.ErrNoRange},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			s := hurtable(t, f)
			o, err := s.Open(createdAs(t, s, "x", long))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.do(f, s); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 8)
			if _, err := o.ReadAt(b, 0); err != nil || string(b) != long[:8] {
				t.Errorf("the block that was read: %q, %v", b, err)
			}
			if _, err := o.ReadAt(b, 9); !errors.Is(err, c.want) {
				t.Errorf("the next block: %q, %v, want %v", b, err, c.want)
			}
		})
	}
}

func createdAs(t *testing.T, s *s3.Store, name, text string) string {
	t.Helper()
	if err := s.Create(name, writing(text)); err != nil {
		t.Fatal(err)
	}
	return name
}

// A create that fails leaves neither an object nor parts.
func TestFailedCreateLeavesNothing(t *testing.T) {
	f := newFake(t)
	s := hurtable(t, f)
	stop := errors.New("stop")
	err := s.Create("x", func(w io.Writer) error {
		_, err := w.Write(bytes.Repeat([]byte("x"), 100))
		return errors.Join(err, stop)
	})
	if !errors.Is(err, stop) || len(f.mu.objects) != 0 || len(f.mu.uploads) != 0 {
		t.Errorf("%v; %d objects and %d uploads are left", err, len(f.mu.objects), len(f.mu.uploads))
	}
}

// Close ends a call that waits.
func TestCloseEndsCalls(t *testing.T) {
	f := newFake(t)
	cfg := f.config()
	cfg.Timeout, cfg.Patience = time.Hour, time.Hour
	s := open(t, cfg)
	began := make(chan struct{})
	f.hurt(func(int, *http.Request) fault { close(began); return slow })
	ended := make(chan error)
	go func() { _, _, err := s.Load("m"); ended <- err }()
	<-began
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "store is closed") {
		t.Errorf("a call while the store is closed: %v", err)
	}
	if err := s.Delete("m"); err == nil || !strings.Contains(err.Error(), "store is closed") {
		t.Errorf("a call after it was closed: %v", err)
	}
}
