package manager

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// patientHub lets workers stay.
type patientHub struct{ stubHub }

func (h *patientHub) Attach(_ frame.NodeID, conn rpc.ManagerConn) error {
	for {
		if _, err := conn.Receive(); err != nil {
			return nil
		}
	}
}

// sparing is a host whose workers attach and then do nothing, and which keeps a process that waits.
func sparing(t *testing.T) (*processes, chan control.Event) {
	t.Helper()
	l, err := Listen("")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	events := make(chan control.Event, 16)
	host, err := Processes(Spawn{
		Command: func(frame.NodeID) *exec.Cmd { return testCommand("worker", "") }, Token: testToken, SpareAfter: time.Nanosecond,
		Outlive: &Outlive{Listener: l, Address: filepath.Join(dir, "manager"), Patience: time.Hour, LogDir: filepath.Join(dir, "log")},
	})(&patientHub{stubHub{events}})
	if err != nil {
		t.Fatal(err)
	}
	return host.(*processes), events
}

// end closes the host. Its workers have nobody who tells them to stop.
func end(h *processes) {
	for _, c := range h.children {
		c.kill()
	}
	h.Close()
}

// waiting is the process that waits, once there is one beside others.
func waiting(t *testing.T, h *processes) *child {
	t.Helper()
	var c *child
	await(t, "a process that waits", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		c = h.spare.child
		return c != nil
	})
	return c
}

func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for deadline := time.After(20 * time.Second); !there(); {
		select {
		case <-deadline:
			t.Fatalf("no %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// lose kills a worker and waits until the host has said so.
func lose(t *testing.T, h *processes, events chan control.Event, node frame.NodeID, i frame.Incarnation) {
	t.Helper()
	h.Kill(node, i)
	if lost, ok := (<-events).(control.Lost); !ok || lost.Node != node || lost.Incarnation != i {
		t.Fatalf("got %+v, want the loss of life %d of node %d", lost, i, node)
	}
}

// TestSpareTakesOver: the process that waits is a lost worker's next life, whatever its node, and another one waits then.
func TestSpareTakesOver(t *testing.T) {
	h, events := sparing(t)
	defer end(h)
	for node := range frame.NodeID(2) {
		if err := h.Start(node, 1); err != nil {
			t.Fatal(err)
		}
	}
	life := frame.Incarnation(1)
	for _, node := range []frame.NodeID{1, 0, 1} {
		ready := waiting(t, h)
		was := h.children[node].incarnation
		lose(t, h, events, node, was)
		life++
		if err := h.Start(node, life); err != nil {
			t.Fatal(err)
		}
		c := h.children[node]
		if c != ready || c.incarnation != life {
			t.Fatalf("life %d of node %d is pid %d, want %d, which waited", c.incarnation, node, c.pid, ready.pid)
		}
		await(t, "hello of who waited", func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return c.attached != nil
		})
		if _, err := os.Stat(logPath(h.spawn.Outlive.LogDir, node)); err != nil {
			t.Error(err)
		}
	}
}

// TestSpareThatDies: whoever kills it delays nothing but the next life.
func TestSpareThatDies(t *testing.T) {
	h, events := sparing(t)
	defer end(h)
	if err := h.Start(0, 1); err != nil {
		t.Fatal(err)
	}
	dead := waiting(t, h)
	dead.kill()
	<-dead.exited
	lose(t, h, events, 0, 1)
	if err := h.Start(0, 2); err != nil {
		t.Fatal(err)
	}
	if c := h.children[0]; c == dead || closed(c.exited) {
		t.Errorf("life 2 is pid %d, want another one than %d, which is dead", c.pid, dead.pid)
	}
	if c := waiting(t, h); c == dead {
		t.Errorf("pid %d waits, which is dead", dead.pid)
	}
}

// TestSpareEndsWithTheRun, with one that ends its workers and with one that leaves them.
func TestSpareEndsWithTheRun(t *testing.T) {
	for _, leave := range []bool{false, true} {
		h, _ := sparing(t)
		if err := h.Start(0, 1); err != nil {
			t.Fatal(err)
		}
		c, worker := waiting(t, h), h.children[0]
		if leave {
			h.Leave()
		} else {
			end(h)
		}
		await(t, "end of who waited", func() bool { return gone(c.pid) })
		worker.kill()
		<-worker.exited
		if _, err := os.Stat(spareLog(h.spawn.Outlive.LogDir)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("its log: got %v, want none", err)
		}
	}
}
