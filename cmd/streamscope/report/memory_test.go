package report

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// procs writes a copy of /proc with the given kB per process: VmHWM, Rss, Pss.
func procs(t *testing.T, self int, kb map[int][3]int, children string) string {
	t.Helper()
	root := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for pid, v := range kb {
		write(fmt.Sprintf("%d/status", pid), fmt.Sprintf("Name:\tx\nVmPeak:\t 9 kB\nVmHWM:\t  %d kB\n", v[0]))
		write(fmt.Sprintf("%d/smaps_rollup", pid), fmt.Sprintf("00-ff ---p [rollup]\nRss:   %d kB\nPss:   %d kB\n", v[1], v[2]))
	}
	write(fmt.Sprintf("%d/task/%d/children", self, self), children)
	return root
}

func TestMemorySumsWithoutWhatIsShared(t *testing.T) {
	m := newMemory(procs(t, 1, map[int][3]int{1: {1000, 900, 700}, 2: {500, 400, 300}, 3: {500, 400, 300}}, "2 3 "), 1)
	m.Sample(true)
	if got, want := m.peak(), uint64(2000-200-100-100)<<10; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
	// A child that has gone keeps its mark; this process alone shares with nobody that counts.
	m.procs = procs(t, 1, map[int][3]int{1: {1100, 900, 700}}, "")
	m.Sample(true)
	if got, want := m.peak(), uint64(2100-200-100-100)<<10; got != want {
		t.Errorf("after the children have gone: got %d, want %d", got, want)
	}
}

func TestMemoryOfThisProcess(t *testing.T) {
	m := WatchMemory()
	got := m.Stop()
	if got < 1<<20 || got > 1<<40 {
		t.Errorf("this process has taken %d bytes at most: that can not be", got)
	}
}

func TestMemorySeesChildren(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m := newMemory("/proc", os.Getpid())
	m.Sample(true)
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if m.seen[cmd.Process.Pid].peak == 0 {
		t.Errorf("child %d was not seen: %v", cmd.Process.Pid, m.seen)
	}
}
