package manager

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/agent"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// counted counts how often the output is committed and aborted.
type counted struct{ commits, aborts int }

func (c *counted) into(cfg *Config) {
	cfg.Commit = func() error { c.commits++; return nil }
	cfg.Abort = func() error { c.aborts++; return nil }
}

func mustRun(t *testing.T, ctx context.Context, cfg Config) (control.Outcome, counted) {
	t.Helper()
	var c counted
	c.into(&cfg)
	o, err := Run(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	want := counted{commits: 1}
	if !o.OK() {
		want = counted{aborts: 1}
	}
	if c != want {
		t.Errorf("got %+v, want %+v, after %q", c, want, o.Reason)
	}
	return o, c
}

func TestGoodRuns(t *testing.T) {
	for workers := 1; workers <= 3; workers += 2 {
		o, _ := mustRun(t, t.Context(), testRun(workers, ""))
		if !o.OK() {
			t.Fatalf("%d workers: %s", workers, o.Reason)
		}
		// Each fake worker counts its peers, too.
		if want := uint64(workers * (10 + workers - 1)); o.Stats.EventsIn != want || len(o.Stats.Workers) != workers {
			t.Errorf("%d workers: %d events in, want %d", workers, o.Stats.EventsIn, want)
		}
		for n, w := range o.Stats.Workers {
			if w.PID == 0 {
				t.Errorf("worker %d has no pid", n)
			} else if err := syscall.Kill(w.PID, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("worker %d (pid %d) is still there: %v", n, w.PID, err)
			}
		}
		if s := o.Stats.Stages[0]; s.RowsOut != uint64(10*workers) || s.Tasks != 1 {
			t.Errorf("stage %+v", s)
		}
	}
}

func TestInProcess(t *testing.T) {
	cfg := testRun(1, "")
	cfg.NewHost = InProcess(fakeAgent(""))
	if o, _ := mustRun(t, t.Context(), cfg); !o.OK() || o.Stats.EventsIn != 10 {
		t.Errorf("outcome %+v", o)
	}
	for behave, want := range map[string]string{"0:fail": "bad.csv:3", "0:new": "arena: got 1 TiB"} {
		cfg.NewHost = InProcess(fakeAgent(behave))
		if o, _ := mustRun(t, t.Context(), cfg); !strings.Contains(o.Reason, want) || strings.Contains(o.Reason, "\n") {
			t.Errorf("%s: got %q, want %q", behave, o.Reason, want)
		}
	}
}

func TestFailingWorkers(t *testing.T) {
	for behave, want := range map[string]string{
		"1:fail":    `^bad\.csv:3: delay: got "x", want integer$`,
		"1:new":     `^arena: got 1 TiB, the machine has 8 GiB$`,
		"1:exit":    `^worker 1 \(pid \d+\) died: exit status 7$`,
		"1:kill":    `^worker 1 \(pid \d+\) died: signal: killed$`,
		"1:panic":   `^worker 1 \(pid \d+\) died: exit status 2: panic: boom$`,
		"0:connect": `^link to node 1: peer$`,
	} {
		t.Run(behave, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			cfg := testRun(2, behave)
			cfg.NewHost = Processes(Spawn{Command: func(frame.NodeID) *exec.Cmd { return testCommand("worker", behave) }, Token: testToken, Stderr: &stderr})
			o, _ := mustRun(t, t.Context(), cfg)
			if !regexp.MustCompile(want).MatchString(o.Reason) {
				t.Errorf("got %q, want %s", o.Reason, want)
			}
			if strings.Contains(stderr.String(), "goroutine") {
				t.Errorf("a stack trace came through: %s", &stderr)
			}
		})
	}
}

func TestNoSuchBinary(t *testing.T) {
	cfg := testRun(2, "")
	cfg.NewHost = Processes(Spawn{Command: func(frame.NodeID) *exec.Cmd { return exec.Command("/no/such/binary") }, Token: testToken})
	if o, _ := mustRun(t, t.Context(), cfg); !strings.Contains(o.Reason, "worker 0 cannot start") || !strings.Contains(o.Reason, "no such file") {
		t.Errorf("got %q", o.Reason)
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cfg := testRun(2, "all:hang")
	cfg.Report = func(control.RunStats) { cancel(errors.New("interrupted")) }
	o, _ := mustRun(t, ctx, cfg)
	if o.Reason != "interrupted" || !o.Cancelled {
		t.Errorf("outcome %+v", o)
	}
}

func TestCommitFails(t *testing.T) {
	cfg := testRun(1, "")
	cfg.NewHost = InProcess(fakeAgent(""))
	cfg.Commit = func() error { return errors.New("result.csv: cannot be given its name: disk quota exceeded") }
	o, err := Run(t.Context(), cfg)
	if err != nil || !strings.HasPrefix(o.Reason, "result.csv") {
		t.Errorf("outcome %+v, %v", o, err)
	}
}

// TestOrphans kills a parent without warning. The children hold its standard output, whose end tells that they are gone.
func TestOrphans(t *testing.T) {
	parent := testCommand("parent", "all:hang")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := parent.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 256)
	n, _ := errs.Read(line)
	if !strings.HasPrefix(string(line[:n]), "running") {
		t.Errorf("the parent said %q", line[:n])
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := out.Read(line); err != nil {
			break
		}
	}
	if err := parent.Wait(); err == nil {
		t.Error("the parent ended well")
	}
}

// stubHub is a run that only takes what it is told.
type stubHub struct{ events chan control.Event }

func (h *stubHub) Tell(ev control.Event)                      { h.events <- ev }
func (h *stubHub) Epoch() control.Epoch                       { return 3 }
func (h *stubHub) Attach(frame.NodeID, rpc.ManagerConn) error { return nil }

// TestStrangers dials the manager as somebody who should not get in.
func TestStrangers(t *testing.T) {
	host, err := Processes(Spawn{Token: testToken})(&stubHub{make(chan control.Event, 16)})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	url := host.(*processes).url
	for name, parent := range map[string]agent.Parent{
		"wrong or missing token":    {URL: url, Token: "guess", Epoch: 3},
		"node 0 is not of this run": {URL: url, Token: testToken, Epoch: 3},
	} {
		err := agent.Dial(t.Context(), parent, fakeAgent(""))
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
	// Neither HTTP/1 nor another path leads anywhere.
	if res, err := http.Get(url + rpc.Procedure); err == nil {
		res.Body.Close()
		t.Errorf("HTTP/1 got %s", res.Status)
	}
}
