package machine

import "testing"

func TestParseStat(t *testing.T) {
	total, busy := parseStat("cpu  100 10 50 1000 40 5 5 90 70 3\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
	if total != 13 || busy != 2.6 {
		t.Errorf("got %v s in all, %v s busy, want 13 and 2.6", total, busy)
	}
	for _, bad := range []string{"", "cpu 1 2", "cpu0 1 2 3 4 5 6 7 8 9 10", "cpu 1 2 3 x 5 6 7 8 9 10"} {
		if total, busy := parseStat(bad); total != 0 || busy != 0 {
			t.Errorf("%q: got %v and %v, want nothing", bad, total, busy)
		}
	}
}

func TestOthersAreWhatThisProcessIsNot(t *testing.T) {
	w := Watch{} // since the machine was started
	if o := w.Others(); o <= 0 || o > 1 {
		t.Errorf("share of others since the start: got %v, want more than 0, at most 1", o)
	}
	future := StartWatch()
	future.total += 1e9
	if o := future.Others(); o != 0 {
		t.Errorf("no time has passed: got %v, want 0", o)
	}
}

func TestReadFindsThisMachine(t *testing.T) {
	f := Read()
	if f.CPU == "" || f.Cores < 1 || f.Kernel == "" || f.MemoryBytes == 0 {
		t.Errorf("got %+v", f)
	}
}

func TestPeakIsWithinTheMachine(t *testing.T) {
	peak, err := PeakBytes()
	if f := Read(); err != nil || peak < 1<<20 || uint64(peak) > uint64(f.MemoryBytes) {
		t.Errorf("got %d, %v, want between a MiB and %d", peak, err, f.MemoryBytes)
	}
}
