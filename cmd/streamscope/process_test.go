package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, patience time.Duration, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("after %v still not: %s", patience, what)
		case <-poll.C:
		}
	}
}

// childrenOf lists the direct children of a process.
func childrenOf(pid int) []int {
	var out []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(word); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// gone reports that a process has ended; one that waits for its parent to look has.
func gone(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := bytes.Cut(text, []byte(") "))
	return bytes.HasPrefix(after, []byte("Z")) || bytes.HasPrefix(after, []byte("X"))
}

// startGroup starts a command in a process group of its own, which is killed when the test has ended.
func startGroup(t testing.TB, cmd *exec.Cmd, stderr io.Writer) {
	t.Helper()
	cmd.SysProcAttr, cmd.Stderr = &syscall.SysProcAttr{Setpgid: true}, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
}

// killWithImages starts a run, and kills all of it once it has saved so many images, if it has not ended.
func killWithImages(t testing.TB, cmd *exec.Cmd, images int) {
	t.Helper()
	startGroup(t, cmd, nil)
	eventually(t, "images are saved", 30*time.Second, func() bool {
		files, _ := filepath.Glob(filepath.Join(cmd.Dir, "data", "snapshots", "*", "*", "*.snap"))
		return len(files) >= images || gone(cmd.Process.Pid)
	})
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
}

// running is a run of the binary under way.
type running struct {
	cmd    *exec.Cmd
	dir    string
	stderr bytes.Buffer
}

// start begins a paced run that lasts much longer than any test, and waits until it writes its output. before stands before the
// program in a shell's command line.
func start(t *testing.T, before string, workers int, more ...string) *running {
	t.Helper()
	r := &running{dir: t.TempDir()}
	args := append([]string{"run", "flights", "--rate", "2000", "--out", "out.csv", "--workers", fmt.Sprint(workers)}, more...)
	r.cmd = exec.Command("sh", append([]string{"-c", before + `exec "$0" "$@"`, binary}, args...)...)
	r.cmd.Dir, r.cmd.Stderr = r.dir, &r.stderr
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
	})
	eventually(t, "the output is begun and all workers run", 20*time.Second, func() bool {
		return len(r.files(t)) > 0 && len(childrenOf(r.cmd.Process.Pid)) == workers
	})
	return r
}

func (r *running) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// end waits for the process and checks that it has left nothing.
func (r *running) end(t *testing.T, status int, words string) {
	t.Helper()
	children := childrenOf(r.cmd.Process.Pid)
	_ = r.cmd.Wait()
	if got := r.cmd.ProcessState.ExitCode(); got != status || !strings.Contains(r.stderr.String(), words) {
		t.Errorf("status %d, want %d with %q:\n%s", got, status, words, r.stderr.String())
	}
	if left := r.files(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	for _, pid := range children {
		if !gone(pid) {
			t.Errorf("child %d lives on", pid)
		}
	}
}

func TestInterruptedRunLeavesNothing(t *testing.T) {
	for _, workers := range []int{0, 2} {
		for _, before := range []string{"", "trap '' INT; "} {
			t.Run(fmt.Sprintf("workers=%d/%s", workers, before), func(t *testing.T) {
				r := start(t, before, workers)
				if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
					t.Fatal(err)
				}
				r.end(t, 130, "interrupted")
			})
		}
	}
}

func TestTerminatedRunLeavesNothing(t *testing.T) {
	r := start(t, "", 1)
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.end(t, 143, "nothing was written")
}

// Ctrl-C on a terminal reaches the whole process group: children ignore it, the parent ends them.
func TestChildrenIgnoreInterrupt(t *testing.T) {
	r := start(t, "", 2)
	children := childrenOf(r.cmd.Process.Pid)
	for _, pid := range children {
		if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	group, err := syscall.Getpgid(r.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range children {
		if g, err := syscall.Getpgid(pid); err != nil || g != group {
			t.Errorf("child %d is in process group %d, %v, want its parent's %d", pid, g, err, group)
		}
	}
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	r.end(t, 130, "interrupted")
}

func TestLostWorkerEndsTheRun(t *testing.T) {
	r := start(t, "", 3)
	victim := childrenOf(r.cmd.Process.Pid)[1]
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.end(t, 1, fmt.Sprintf("(pid %d) died", victim))
	if n := strings.Count(r.stderr.String(), "streamscope: "); strings.Contains(r.stderr.String(), "goroutine") || n > 2 {
		t.Errorf("more than a line or two:\n%s", r.stderr.String())
	}
}

// Children notice the loss of their parent and end by themselves.
func TestOrphansEnd(t *testing.T) {
	r := start(t, "", 2)
	children := childrenOf(r.cmd.Process.Pid)
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	_ = r.cmd.Wait()
	for _, pid := range children {
		eventually(t, fmt.Sprintf("orphan %d has ended", pid), 10*time.Second, func() bool { return gone(pid) })
	}
	t.Logf("orphans ended %v after their parent", time.Since(killed))
}
