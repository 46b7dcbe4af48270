package manager

import (
	"errors"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestFencedRunLeavesItsWorkers: a manager that learns that it has a successor ends, without a commit or an abort, and its workers do not.
func TestFencedRunLeavesItsWorkers(t *testing.T) {
	l, err := Listen("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg := testRun(2, "")
	cfg.Control.Recovery = &control.Recovery{
		Stages: []control.StageShape{{Name: "source", Nodes: []frame.NodeID{0, 1}, Source: true}}, Stored: control.Stored{Epoch: cfg.Control.Epoch},
	}
	var swaps atomic.Int32
	cfg.Persist = func(control.Txn) control.Persisted {
		if swaps.Add(1) == 1 {
			return control.Persisted{}
		}
		return control.Persisted{Fenced: true, Reason: "epoch 4 has taken over"}
	}
	cfg.NewHost = Processes(Spawn{Command: func(frame.NodeID) *exec.Cmd { return testCommand("worker", "1:kill") }, Token: testToken, Outlive: &Outlive{
		Listener: l, Address: filepath.Join(dir, "manager"), Patience: time.Hour, LogDir: filepath.Join(dir, "log"),
	}})
	pids := map[frame.NodeID]int{}
	cfg.Observe = func(ev control.Event, _ []control.Effect) {
		if h, ok := ev.(control.Hello); ok {
			pids[h.Node] = h.PID
		}
	}
	cfg.Commit = func() error { t.Error("commit"); return nil }
	cfg.Abort = func() error { t.Error("abort"); return nil }
	o, err := Run(t.Context(), cfg)
	if err != nil || !o.Fenced || o.OK() || swaps.Load() != 2 {
		t.Errorf("outcome %+v, %v after %d transactions", o, err, swaps.Load())
	}
	left := pids[0]
	if err := syscall.Kill(left, 0); left == 0 || err != nil {
		t.Fatalf("worker 0 (pid %d) did not live on: %v", left, err)
	}
	if err := syscall.Kill(left, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.After(20 * time.Second); !errors.Is(syscall.Kill(left, 0), syscall.ESRCH); {
		select {
		case <-deadline:
			t.Fatal("a worker that was killed is not reaped")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
