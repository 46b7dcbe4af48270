package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/report"
)

// managed is a paced run of three workers in a folder, and its manager under way.
type managed struct {
	t      *testing.T
	dir    string
	want   []byte
	cmd    *exec.Cmd
	stderr *said
	groups []int
}

const managedWorkers = 3

// said is what a process says on standard error, to be read while it speaks.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// manage begins the first manager and waits until rows are written.
func manage(t *testing.T, more ...string) *managed {
	m := &managed{t: t, dir: t.TempDir()}
	m.want = faultless(t, m.dir, "csv")
	t.Cleanup(func() {
		for _, g := range m.groups {
			_ = syscall.Kill(-g, syscall.SIGKILL)
		}
	})
	m.begin(more...)
	eventually(t, "rows are written and there are images", 30*time.Second, func() bool {
		images, _ := filepath.Glob(filepath.Join(m.dir, "data", "snapshots", "*", "*", "*.snap"))
		return m.written() > 0 && len(images) > 3
	})
	return m
}

// begin starts a manager, the command being the same each time.
func (m *managed) begin(more ...string) {
	m.t.Helper()
	m.cmd, m.stderr = recoverable(m.dir, "csv", managedWorkers), &said{}
	m.cmd.Args = append(m.cmd.Args, more...)
	m.cmd.Stderr = m.stderr
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.groups = append(m.groups, m.cmd.Process.Pid)
}

// kill ends the manager alone, and returns the workers that it leaves.
func (m *managed) kill() []int {
	m.t.Helper()
	pids := workersOf(m.t, filepath.Join(m.dir, "data"))
	if err := m.cmd.Process.Kill(); err != nil {
		m.t.Fatal(err)
	}
	_ = m.cmd.Wait()
	return pids
}

// workersOf are the workers that live, as they show themselves.
func workersOf(t *testing.T, data string) []int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "alive", "[0-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range files {
		var pid int
		if text, err := os.ReadFile(f); err != nil {
			t.Fatal(err)
		} else if _, err := fmt.Sscan(string(text), &pid); err != nil {
			t.Fatalf("%s: %q: %v", f, text, err)
		}
		if !gone(pid) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// written is how much of the output there is that is not visible yet.
func (m *managed) written() int64 {
	files, _ := filepath.Glob(filepath.Join(m.dir, ".out.csv*"))
	if len(files) == 0 {
		return 0
	}
	info, err := os.Stat(files[0])
	if err != nil {
		return 0
	}
	return info.Size()
}

// flows waits until the output has grown without a manager.
func (m *managed) flows() {
	m.t.Helper()
	at := m.written()
	eventually(m.t, "rows are written without a manager", 20*time.Second, func() bool { return m.written() > at })
}

// finish waits for the end of the last manager and looks at what it left.
func (m *managed) finish() report.Stats {
	m.t.Helper()
	if err := m.cmd.Wait(); err != nil {
		m.t.Fatalf("%v\n%s", err, m.stderr)
	}
	wantOutput(m.t, m.dir, "csv", m.want, &m.stderr.text)
	text, err := os.ReadFile(filepath.Join(m.dir, "stats.json"))
	if err != nil {
		m.t.Fatal(err)
	}
	var s report.Stats
	if err := json.Unmarshal(text, &s); err != nil {
		m.t.Fatal(err)
	}
	if left := workersOf(m.t, filepath.Join(m.dir, "data")); len(left) > 0 {
		m.t.Errorf("workers %v live on", left)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "data", "manager")); !os.IsNotExist(err) {
		m.t.Errorf("the address of the manager is left: %v", err)
	}
	return s
}

func pidsOf(s report.Stats) []int {
	var pids []int
	for _, w := range s.Workers {
		pids = append(pids, w.PID)
	}
	slices.Sort(pids)
	return pids
}

// TestKilledManagerIsSucceeded kills the manager, twice: the workers go on, and the repeated command takes them over.
func TestKilledManagerIsSucceeded(t *testing.T) {
	t.Parallel()
	m := manage(t)
	workers := m.kill()
	for range 2 {
		m.flows()
		m.begin()
		eventually(t, "the workers are taken over", 20*time.Second, func() bool {
			return strings.Contains(m.stderr.String(), "3 workers live on")
		})
		if now := m.kill(); !slices.Equal(now, workers) {
			t.Fatalf("workers %v were %v", now, workers)
		}
	}
	m.begin()
	s := m.finish()
	if s.Managers != 4 || s.Adopted != managedWorkers || s.Recoveries != 0 || !slices.Equal(pidsOf(s), workers) || s.ResumedTick == nil {
		t.Errorf("%+v, workers were %v\n%s", s, workers, m.stderr)
	}
}

// TestKilledManagerAndWorker: who is dead is replaced by the next manager, who lives goes on.
func TestKilledManagerAndWorker(t *testing.T) {
	t.Parallel()
	m := manage(t)
	workers := m.kill()
	if err := syscall.Kill(workers[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	m.begin()
	s := m.finish()
	if s.Adopted != managedWorkers-1 || common(pidsOf(s), workers) != managedWorkers-1 {
		t.Errorf("%+v, workers were %v\n%s", s, workers, m.stderr)
	}
}

// TestManagerKilledAtTheEnd: the workers finish while nobody is there, and say so to who comes.
func TestManagerKilledAtTheEnd(t *testing.T) {
	t.Parallel()
	m := manage(t)
	workers := m.kill()
	eventually(t, "everything is written", 30*time.Second, func() bool { return m.written() == int64(len(m.want)) })
	if _, err := os.Stat(filepath.Join(m.dir, "out.csv")); !os.IsNotExist(err) {
		t.Errorf("the output is visible without a manager: %v", err)
	}
	m.begin()
	if s := m.finish(); s.Adopted != managedWorkers || s.Recoveries != 0 || !slices.Equal(pidsOf(s), workers) {
		t.Errorf("%+v, workers were %v\n%s", s, workers, m.stderr)
	}
}

// TestStoppedManager: one that stands still holds the directory, and goes on with its workers afterwards.
func TestStoppedManager(t *testing.T) {
	t.Parallel()
	m := manage(t, "--rate", "10000")
	workers := workersOf(t, filepath.Join(m.dir, "data"))
	if err := m.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	m.flows()
	second := recoverable(m.dir, "csv", managedWorkers)
	if r := finish(t, second); r.status != 1 || !bytes.Contains(r.stderr, fmt.Appendf(nil, "process %d has it open", m.cmd.Process.Pid)) {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
	if err := m.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if s := m.finish(); s.Managers != 1 || s.Recoveries != 0 || !slices.Equal(pidsOf(s), workers) {
		t.Errorf("%+v, workers were %v\n%s", s, workers, m.stderr)
	}
}

// TestPatienceWithManagersEnds: without anybody who comes the workers end, and what they leave is gone on from.
func TestPatienceWithManagersEnds(t *testing.T) {
	for _, patience := range []string{"0s", "300ms"} {
		t.Run(patience, func(t *testing.T) {
			t.Parallel()
			m := manage(t, "--manager-patience", patience)
			for _, pid := range m.kill() {
				eventually(t, fmt.Sprintf("worker %d has ended", pid), 20*time.Second, func() bool { return gone(pid) })
			}
			if got := m.written(); got == 0 || got == int64(len(m.want)) {
				t.Errorf("%d bytes are left of the output of %d", got, len(m.want))
			}
			m.begin()
			if s := m.finish(); s.Adopted != 0 || s.Managers != 2 || !strings.Contains(m.stderr.String(), "resumed at tick") {
				t.Errorf("%+v\n%s", s, m.stderr)
			}
		})
	}
}

// TestInterruptedSuccessor: Ctrl-C ends the workers that were taken over, too.
func TestInterruptedSuccessor(t *testing.T) {
	t.Parallel()
	m := manage(t, "--rate", "5000")
	workers := m.kill()
	m.begin("--rate", "5000")
	eventually(t, "the workers are taken over", 20*time.Second, func() bool { return strings.Contains(m.stderr.String(), "3 workers live on") })
	for _, pid := range workers {
		if g, err := syscall.Getpgid(pid); err != nil || g != m.cmd.Process.Pid {
			t.Errorf("worker %d is in process group %d, %v, want its manager's %d", pid, g, err, m.cmd.Process.Pid)
		}
	}
	if err := m.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = m.cmd.Wait()
	if status := m.cmd.ProcessState.ExitCode(); status != 130 || !strings.Contains(m.stderr.String(), "repeat its command to go on from ") {
		t.Errorf("status %d\n%s", status, m.stderr)
	}
	eventually(t, "the workers end as well", 20*time.Second, func() bool { return !slices.ContainsFunc(workers, func(pid int) bool { return !gone(pid) }) })
}

// TestOtherWorkersAreEnded: a run that cannot adopt the workers of the one before kills them, and nobody else.
func TestOtherWorkersAreEnded(t *testing.T) {
	t.Parallel()
	m := manage(t, "--rate", "10000")
	workers := m.kill()
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	// A file that nobody has locked says nothing, whatever pid stands in it.
	forged := filepath.Join(m.dir, "data", "alive", "0.7")
	if err := os.WriteFile(forged, fmt.Appendf(nil, "%d 1\n", stranger.Process.Pid), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := runBinary(t, m.dir, "run", "flights", "--out", "out.csv", "--data-dir", "data", "--tasks", "3", "--rate", "30000", "--workers", "3"); r.status != 1 {
		t.Errorf("another plan: status %d: %s", r.status, r.stderr)
	}
	for _, pid := range workers {
		if gone(pid) {
			t.Errorf("worker %d was ended by a run of another plan", pid)
		}
	}
	m.begin("--manager-patience", "0s")
	s := m.finish()
	if s.Adopted != 0 || common(pidsOf(s), workers) > 0 || gone(stranger.Process.Pid) {
		t.Errorf("%+v, workers were %v, stranger gone: %t\n%s", s, workers, gone(stranger.Process.Pid), m.stderr)
	}
}
