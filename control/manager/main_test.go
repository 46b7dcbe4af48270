package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/agent"
	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// roleEnv makes the test binary a worker, or a parent of workers; behaveEnv says what goes wrong, as "node:what".
const (
	roleEnv   = "STREAMSCOPE_TEST_ROLE"
	behaveEnv = "STREAMSCOPE_TEST_BEHAVE"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "worker":
		if err := agent.Process(fakeAgent(os.Getenv(behaveEnv))); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "parent":
		cfg := testRun(2, "all:hang")
		cfg.Report = func(s control.RunStats) {
			for _, w := range s.Workers {
				if w.EventsIn == 0 {
					return
				}
			}
			fmt.Fprintln(os.Stderr, "running")
		}
		_, err := Run(context.Background(), cfg)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

type noSource struct{}

func (noSource) Schema() *batch.Schema {
	return &batch.Schema{Fields: []batch.Field{{Name: "a", Kind: batch.Int64}}}
}
func (noSource) Splits() ([]vertex.Split, error) { return []vertex.Split{{Name: "x"}}, nil }
func (noSource) Open(vertex.Split, vertex.SnapshotReader, func()) (vertex.SplitReader, error) {
	return nil, errors.ErrUnsupported
}

func buildPlan(ref rpc.Job) (*plan.Plan, error) {
	if ref.Name != "fake" {
		return nil, fmt.Errorf("no job %q", ref.Name)
	}
	src := noSource{}
	g := &job.Graph{Name: ref.Name, Nodes: []*job.Node{{Name: "source", Source: src, Schema: src.Schema()}}}
	return plan.Build(g, plan.Options{Tasks: ref.Tasks, Fuse: ref.Fuse})
}

// fakeWorker does nothing, or what behave says.
type fakeWorker struct {
	node   frame.NodeID
	behave string
	peers  atomic.Int64
	stop   chan struct{}
}

func (w *fakeWorker) Addr() string { return fmt.Sprintf("127.0.0.1:%d", 10000+w.node) }

func (w *fakeWorker) Connect(_ context.Context, peers []control.Peer) error {
	w.peers.Store(int64(len(peers)))
	if w.behave == "connect" {
		return fmt.Errorf("link to node 1: %w", agent.ErrPeer)
	}
	return nil
}

func (w *fakeWorker) Start() {
	switch w.behave {
	case "panic":
		panic("boom")
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

func (w *fakeWorker) Wait(ctx context.Context) error {
	switch w.behave {
	case "hang":
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.stop:
			return errors.New("stopped")
		}
	case "fail":
		return errors.New("bad.csv:3: delay: got \"x\", want integer")
	}
	return nil
}

func (w *fakeWorker) Stop() { close(w.stop) }

func (w *fakeWorker) Stats() control.WorkerStats {
	return control.WorkerStats{EventsIn: 10 + uint64(w.peers.Load()), Stages: []control.StageCount{{Name: "source", RowsOut: 10}}}
}

func behaviour(behave string, node frame.NodeID) string {
	who, what, _ := strings.Cut(behave, ":")
	if who == "all" || who == fmt.Sprint(node) {
		return what
	}
	return ""
}

func fakeAgent(behave string) agent.Config {
	return agent.Config{
		PID:           os.Getpid(),
		Build:         buildPlan,
		ProgressEvery: 5 * time.Millisecond,
		NewWorker: func(_ *plan.Plan, a control.Assignment, _ rpc.Limits) (agent.Worker, error) {
			w := &fakeWorker{node: a.Node, behave: behaviour(behave, a.Node), stop: make(chan struct{})}
			switch w.behave {
			case "new":
				return nil, errors.New("arena: got 1 TiB, the machine has 8 GiB")
			case "exit":
				os.Exit(7)
			}
			return w, nil
		},
	}
}

const testToken = "0123456789abcdef"

// testRun is a run of fake workers in child processes.
func testRun(workers int, behave string) Config {
	ref := rpc.Job{Name: "fake", Tasks: 2, Fuse: true}
	p, err := buildPlan(ref)
	if err != nil {
		panic(err)
	}
	return Config{
		Control: control.Config{
			Epoch: 3, Workers: workers, Cores: 1, Fingerprint: plan.Fingerprint(p), Tick: control.TickRule{LengthNs: 5e6},
			Stages: []control.StageInfo{{Name: "source", Tasks: 1}}, StartNs: 60e9, StopNs: 10e9,
		},
		Job: ref, Commit: func() error { return nil }, Abort: func() error { return nil },
		NewHost: Processes(Spawn{Command: func(frame.NodeID) *exec.Cmd { return testCommand("worker", behave) }, Token: testToken}),
	}
}

func testCommand(role, behave string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+role, behaveEnv+"="+behave)
	return cmd
}
