package report

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory watches how much memory this process and its children have taken.
//
// The peak is the sum of each process's resident high-water mark (VmHWM, which the kernel keeps exactly), less what they share: of the
// pages mapped by several of them (rings of a peer, the program's text) Rss counts each once per process and Pss once in all, so
// Rss - Pss is what was counted too often. High-water marks need not have been reached at the same moment: the sum is an upper bound.
type Memory struct {
	procs string // "/proc", or a copy in tests
	self  int
	mu    sync.Mutex
	seen  map[int]usage
	stop  chan struct{}
	done  sync.WaitGroup
}

type usage struct{ peak, shared uint64 } // bytes

// memoryInterval between samples of children's marks; a child that ends keeps the last one taken.
const memoryInterval = 100 * time.Millisecond

// The shared part is read with the first sample and then after pauses that double, as it costs the kernel a walk of the page tables, and changes little
// once the workers run: sharedFirst and sharedMost are such pauses, in samples.
const (
	sharedFirst = 10
	sharedMost  = 160
)

// WatchMemory begins to sample.
func WatchMemory() *Memory {
	m := newMemory("/proc", os.Getpid())
	m.stop = make(chan struct{})
	m.done.Add(1)
	go m.loop()
	return m
}

func newMemory(procs string, self int) *Memory {
	return &Memory{procs: procs, self: self, seen: map[int]usage{}}
}

func (m *Memory) loop() {
	defer m.done.Done()
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for left, pause := 0, sharedFirst; ; left-- {
		select {
		case <-m.stop:
			return
		case <-ticker.C:
		}
		m.Sample(left == 0)
		if left == 0 {
			left, pause = pause, min(2*pause, sharedMost)
		}
	}
}

// Sample reads the marks of all processes now, and what they share if asked to.
func (m *Memory) Sample(shared bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	children := m.children()
	for _, pid := range append([]int{m.self}, children...) {
		u := m.seen[pid]
		if peak, ok := m.fields(pid, "status", "VmHWM:"); ok {
			u.peak = max(u.peak, peak[0])
		}
		if shared && len(children) > 0 {
			if v, ok := m.fields(pid, "smaps_rollup", "Rss:", "Pss:"); ok && v[0] >= v[1] { // in one go: the kernel walks for each open file
				u.shared = v[0] - v[1]
			}
		}
		m.seen[pid] = u
	}
}

// Stop ends sampling and returns the peak in bytes.
func (m *Memory) Stop() uint64 {
	close(m.stop)
	m.done.Wait()
	m.Sample(false)
	return m.peak()
}

func (m *Memory) peak() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum uint64
	for _, u := range m.seen {
		sum += u.peak - min(u.peak, u.shared)
	}
	return sum
}

// children lists the direct child processes. A kernel without the list leaves them out.
func (m *Memory) children() []int {
	var out []int
	threads, err := os.ReadDir(fmt.Sprintf("%s/%d/task", m.procs, m.self))
	if err != nil {
		return nil
	}
	for _, t := range threads {
		text, err := os.ReadFile(fmt.Sprintf("%s/%d/task/%s/children", m.procs, m.self, t.Name()))
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				out = append(out, pid)
			}
		}
	}
	return out
}

// fields reads lines `Name:   123 kB` of a file of a process, in their order there, in bytes.
func (m *Memory) fields(pid int, file string, names ...string) (values []uint64, ok bool) {
	f, err := os.Open(fmt.Sprintf("%s/%d/%s", m.procs, pid, file))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); len(values) < len(names) && lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), names[len(values)]); ok {
			kb, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			if err != nil {
				return nil, false
			}
			values = append(values, kb<<10)
		}
	}
	return values, len(values) == len(names)
}

// OwnPeak is the high-water mark of this process in bytes, 0 where the kernel does not tell.
func OwnPeak() uint64 {
	if peak, ok := newMemory("/proc", os.Getpid()).fields(os.Getpid(), "status", "VmHWM:"); ok {
		return peak[0]
	}
	return 0
}

// Note takes the high-water mark that a child told itself; it is exact where samples may be too old.
func (m *Memory) Note(pid int, peakBytes uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.seen[pid]
	u.peak = max(u.peak, peakBytes)
	m.seen[pid] = u
}
