package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/control"
)

// pressed is a run of two workers to which something happens.
type pressed struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string
	stderr string // a file
	want   []byte
	pids   []int
}

// startPressed starts a run whose logs do not fit their memory: nothing is trimmed before its end, so what is kept for lost workers is spilled.
func startPressed(t *testing.T) *pressed {
	return startHeld(t, "--snapshot-interval", "1h", "--rate", "25000",
		"--segment-bytes", "64KiB", "--frame-bytes", "4KiB", "--credit-bytes", "16KiB", "--arena", "1MiB")
}

func startHeld(t *testing.T, flags ...string) *pressed {
	p := &pressed{t: t, dir: t.TempDir()}
	p.want = faultless(t, p.dir, "parquet")
	p.cmd = newCommand(append([]string{"run", "flights", "--out", "out.parquet", "--data-dir", "data", "--workers", "2"}, flags...)...)
	p.cmd.Dir, p.stderr = p.dir, filepath.Join(p.dir, "stderr")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	f, err := os.Create(p.stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p.cmd.Stderr = f
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) })
	eventually(t, "the workers say what they keep", 20*time.Second, func() bool {
		s := p.status()
		return s != nil && len(s.Logs) > 0
	})
	for _, w := range p.status().Workers {
		p.pids = append(p.pids, w.PID)
	}
	return p
}

// limitFiles keeps the files of a worker from growing beyond so many bytes, until grow is called.
func (p *pressed) limitFiles(worker int, bytes uint64) (grow func()) {
	p.t.Helper()
	var was unix.Rlimit
	limit := func(to, was *unix.Rlimit) {
		p.t.Helper()
		if err := unix.Prlimit(p.pids[worker], unix.RLIMIT_FSIZE, to, was); err != nil {
			p.t.Fatal(err)
		}
	}
	limit(&unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, &was)
	return func() { limit(&was, nil) }
}

// status is nil as long as there is none.
func (p *pressed) status() *control.Status {
	s, _, err := engine.ReadStatus(filepath.Join(p.dir, "data"))
	if err != nil {
		return nil
	}
	return s
}

func (p *pressed) said() string {
	b, err := os.ReadFile(p.stderr)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// finish waits for the end: nothing was lost, and nobody was replaced.
func (p *pressed) finish() *control.Status {
	p.t.Helper()
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatalf("%v\n%s", err, p.said())
	}
	got, err := os.ReadFile(filepath.Join(p.dir, "out.parquet"))
	if err != nil || !bytes.Equal(got, p.want) {
		p.t.Fatalf("%v: %d bytes, unlike the %d of a run without faults\n%s", err, len(got), len(p.want), p.said())
	}
	s := p.status()
	if s == nil || s.Recoveries != 0 || s.Outcome != control.OutputVisible.String() {
		p.t.Fatalf("status %+v\n%s", s, p.said())
	}
	return s
}

// finishPressed is finish; the rings stayed within the arena, and what had no room was spilled.
func (p *pressed) finishPressed() {
	p.t.Helper()
	s := p.finish()
	spilled := uint64(0)
	for _, w := range s.Workers {
		spilled += w.SpillBytes
		if w.RingBytes > 1<<20 {
			p.t.Errorf("the rings of node %d take %d bytes, want at most 1 MiB", w.Node, w.RingBytes)
		}
	}
	if spilled == 0 {
		p.t.Error("nothing was spilled: the test presses nobody")
	}
}

// A worker that stands for less than the lease holds up the others; it is not replaced, and nothing is lost.
func TestStoppedConsumer(t *testing.T) {
	t.Parallel()
	p := startPressed(t)
	if err := syscall.Kill(p.pids[1], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-time.After(1200 * time.Millisecond)
	if err := syscall.Kill(p.pids[1], syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.finishPressed()
}

// A spill file that cannot grow is told of, and waited for.
func TestFullSpillDisk(t *testing.T) {
	t.Parallel()
	p := startPressed(t)
	grow := p.limitFiles(0, 200<<10) // the journal fits below, what is spilled does not
	eventually(t, "the full disk is told of", 20*time.Second, func() bool { return strings.Contains(p.said(), "what has no room waits") })
	<-time.After(time.Second)
	grow()
	p.finishPressed()
}

// A journal that cannot be written holds up its source, and nothing else happens. The logs have room: were they spilled, the spill file might be full
// first, and the source would write nothing down any more.
func TestFullJournalDisk(t *testing.T) {
	t.Parallel()
	p := startHeld(t, "--snapshot-interval", "1h", "--rate", "25000")
	grow := p.limitFiles(0, 64)
	eventually(t, "the full disk is told of", 20*time.Second, func() bool { return strings.Contains(p.said(), "journal") })
	grow()
	p.finish()
}

// A unit whose images fail is named as the reason for the oldest base; nothing is trimmed meanwhile, and base goes on when they can be saved again.
func TestImagesThatFailHoldTheBase(t *testing.T) {
	t.Parallel()
	p := startHeld(t, "--snapshot-interval", "200ms", "--rate", "12000")
	grow := p.limitFiles(1, 4096) // it has neither a journal nor an output
	var named control.OldestBase
	eventually(t, "the unit is named", 20*time.Second, func() bool {
		if s := p.status(); s != nil {
			named = s.Oldest
		}
		return named.Unit.Node == 1 && strings.Contains(named.Why, "could not be saved") && named.Behind > 0
	})
	grow()
	eventually(t, "base goes on", 20*time.Second, func() bool {
		s := p.status()
		return s != nil && s.Oldest.Base > named.Base
	})
	p.finish()
}
