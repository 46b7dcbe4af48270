package plane

import (
	"errors"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSharesOfProcessors(t *testing.T) {
	var all unix.CPUSet
	for _, cpu := range []int{1, 4, 5, 9, 200} {
		all.Set(cpu)
	}
	for _, c := range []struct {
		i, n int
		want []int
	}{{0, 2, []int{1, 5, 200}}, {1, 2, []int{4, 9}}, {3, 5, []int{9}}, {5, 6, nil}} {
		got, n := share(&all, c.i, c.n)
		var want unix.CPUSet
		for _, cpu := range c.want {
			want.Set(cpu)
		}
		if got != want || n != len(c.want) {
			t.Errorf("share %d of %d: %d processors, want %v", c.i, c.n, n, c.want)
		}
	}
}

// What is confined or pinned is free again afterwards, also after an error.
func TestProcessorsAreGivenBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	now := func() (s unix.CPUSet) {
		if err := unix.SchedGetaffinity(0, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	before, procs, fault := now(), runtime.GOMAXPROCS(0), errors.New("fault")
	for name, within := range map[string]func(int, func() error) error{
		"confined": func(i int, f func() error) error { return confined(true, i, f) }, "pinned": pinned,
	} {
		for i := range 2 {
			var during unix.CPUSet
			err := within(i, func() error {
				during = now()
				return fault
			})
			if !errors.Is(err, fault) || now() != before || runtime.GOMAXPROCS(0) != procs {
				t.Errorf("%s: %v, on %d processors after it, want %d", name, err, runtime.GOMAXPROCS(0), procs)
			}
			if before.Count() > 1 && during.Count() >= before.Count() {
				t.Errorf("%s: on %d processors of %d", name, during.Count(), before.Count())
			}
		}
	}
}
