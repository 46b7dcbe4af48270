package agent

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type source struct{}

func (source) Schema() *batch.Schema           { return &batch.Schema{} }
func (source) Splits() ([]vertex.Split, error) { return nil, nil }
func (source) Open(vertex.Split, vertex.SnapshotReader, func()) (vertex.SplitReader, error) {
	return nil, errors.ErrUnsupported
}

func build(ref rpc.Job) (*plan.Plan, error) {
	if ref.Name == "unknown" {
		return nil, errors.New("unknown job")
	}
	return plan.Build(&job.Graph{Name: ref.Name, Nodes: []*job.Node{{Name: "s", Source: source{}, Schema: source{}.Schema()}}}, plan.Options{Tasks: 1})
}

// worker notes what it was told to do, and waits for release.
type worker struct {
	peers   []control.Peer
	release chan error
	stops   atomic.Int32
	started bool
}

func (w *worker) Addr() string { return "here:1" }
func (w *worker) Connect(_ context.Context, peers []control.Peer) error {
	w.peers = peers
	return nil
}
func (w *worker) Start() { w.started = true }
func (w *worker) Wait(ctx context.Context) error {
	select {
	case err := <-w.release:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
func (w *worker) Stop()                      { w.stops.Add(1) }
func (w *worker) Stats() control.WorkerStats { return control.WorkerStats{EventsIn: 7} }

// rig is an agent with a manager's end in the test's hands.
type rig struct {
	t      *testing.T
	w      *worker
	conn   rpc.ManagerConn
	cancel context.CancelFunc
	served chan error
}

const epoch control.Epoch = 5

func start(t *testing.T) *rig {
	ctx, cancel := context.WithCancel(context.Background())
	r := &rig{t: t, w: &worker{release: make(chan error, 1)}, cancel: cancel, served: make(chan error, 1)}
	up, down := rpc.Pipe(ctx)
	r.conn = down
	cfg := Config{
		Node: 1, Epoch: epoch, PID: 42, Build: build, ProgressEvery: time.Millisecond,
		NewWorker: func(*plan.Plan, control.Assignment, rpc.Limits) (Worker, error) { return r.w, nil },
	}
	go func() { r.served <- Serve(ctx, up, cfg) }()
	t.Cleanup(func() {
		cancel()
		if r.served != nil {
			<-r.served
		}
	})
	if hello, ok := r.next().(control.Hello); !ok || hello.Node != 1 || hello.PID != 42 || hello.Epoch != epoch {
		t.Fatalf("hello is %+v", hello)
	}
	return r
}

// next is the next event but for progress.
func (r *rig) next() control.Event {
	r.t.Helper()
	for {
		up, err := r.conn.Receive()
		if err != nil {
			r.t.Fatal(err)
		}
		ev, err := up.Event()
		if err != nil {
			r.t.Fatal(err)
		}
		if _, ok := ev.(control.Progress); !ok {
			return ev
		}
	}
}

func (r *rig) tell(m rpc.Down) {
	r.t.Helper()
	if err := r.conn.Send(&m); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) start(jobName string) {
	as := control.Assignment{Epoch: epoch, Node: 1, Nodes: 2, Cores: 1}
	r.tell(rpc.Down{Start: &rpc.Start{Start: control.Start{Node: 1, Assignment: as}, Job: rpc.Job{Name: jobName}}})
}

// failed expects Failed and returns its reason.
func (r *rig) failed() control.Failed {
	r.t.Helper()
	f, ok := r.next().(control.Failed)
	if !ok {
		r.t.Fatalf("want Failed")
	}
	return f
}

// stop stops the agent and expects it to end well.
func (r *rig) stop() {
	r.t.Helper()
	r.tell(rpc.Down{Stop: &control.Stop{Node: 1, Epoch: epoch}})
	if _, ok := r.next().(control.Stopped); !ok {
		r.t.Error("want Stopped")
	}
	if err := <-r.served; err != nil {
		r.t.Error(err)
	}
	r.served = nil
}

func (r *rig) toRunning() {
	r.t.Helper()
	r.start("good")
	p, err := build(rpc.Job{Name: "good"})
	if err != nil {
		r.t.Fatal(err)
	}
	if ready, ok := r.next().(control.Ready); !ok || ready.Addr != "here:1" || ready.Fingerprint != plan.Fingerprint(p) {
		r.t.Fatalf("ready is %+v", ready)
	}
	r.tell(rpc.Down{Connect: &control.Connect{Node: 1, Epoch: epoch, Peers: []control.Peer{{Node: 0, Addr: "there"}, {Node: 1, Addr: "here"}}}})
	if _, ok := r.next().(control.Linked); !ok {
		r.t.Fatal("want Linked")
	}
	if len(r.w.peers) != 1 || r.w.peers[0].Addr != "there" {
		r.t.Errorf("peers %v", r.w.peers)
	}
	r.tell(rpc.Down{Run: &control.Run{Node: 1, Epoch: epoch}})
}

func TestServe(t *testing.T) {
	r := start(t)
	r.toRunning()
	for {
		up, err := r.conn.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if up.Progress != nil && up.Progress.Stats.EventsIn == 7 {
			break
		}
	}
	r.w.release <- nil
	if f, ok := r.next().(control.Finished); !ok || f.Stats.EventsIn != 7 {
		t.Errorf("finished is %+v", f)
	}
	if n := r.w.stops.Load(); n != 0 {
		t.Errorf("stopped %d times before it was told to", n)
	}
	r.stop()
	if n := r.w.stops.Load(); n != 1 || !r.w.started {
		t.Errorf("stopped %d times, started %t", n, r.w.started)
	}
}

func TestFailures(t *testing.T) {
	r := start(t)
	r.toRunning()
	r.w.release <- errors.Join(errors.New("link to node 0 broke"), ErrPeer)
	if f := r.failed(); !f.AboutPeer || f.Stats.EventsIn != 7 {
		t.Errorf("failed is %+v", f)
	}
	// What follows is ignored, but for Stop.
	r.tell(rpc.Down{Run: &control.Run{Node: 1, Epoch: epoch}})
	r.stop()
}

func TestStopWhileRunning(t *testing.T) {
	r := start(t)
	r.toRunning()
	r.stop()
	if n := r.w.stops.Load(); n != 1 {
		t.Errorf("stopped %d times", n)
	}
}

func TestOutOfTurn(t *testing.T) {
	for name, do := range map[string]func(*rig){
		"unknown job":            func(r *rig) { r.start("unknown") },
		"to connect out of turn": func(r *rig) { r.tell(rpc.Down{Connect: &control.Connect{Epoch: epoch}}) },
		"to run out of turn":     func(r *rig) { r.tell(rpc.Down{Run: &control.Run{Epoch: epoch}}) },
		"to start out of turn":   func(r *rig) { r.tell(rpc.Down{Start: &rpc.Start{}}) },
	} {
		r := start(t)
		do(r)
		if f := r.failed(); !strings.Contains(f.Reason, name) || f.AboutPeer {
			t.Errorf("%s: failed is %+v", name, f)
		}
		r.stop()
	}
}

// TestOldManager checks that a manager of another epoch cannot stop the agent.
func TestOldManager(t *testing.T) {
	r := start(t)
	r.tell(rpc.Down{Stop: &control.Stop{Node: 1, Epoch: epoch - 1}})
	r.toRunning()
	r.stop()
}

// TestLostManager checks that an agent whose connection ends stops its worker.
func TestLostManager(t *testing.T) {
	r := start(t)
	r.toRunning()
	r.cancel()
	if err := <-r.served; err == nil {
		t.Error("an agent without manager ended well")
	}
	r.served = nil
	if n := r.w.stops.Load(); n != 1 {
		t.Errorf("stopped %d times", n)
	}
}

// TestNoMessage checks that a message without a command ends the agent.
func TestNoMessage(t *testing.T) {
	r := start(t)
	r.tell(rpc.Down{})
	if err := <-r.served; !errors.Is(err, rpc.ErrMessage) {
		t.Errorf("got %v", err)
	}
	r.served = nil
}

func TestParent(t *testing.T) {
	want := Parent{URL: "http://127.0.0.1:1", Token: "secret", Node: 3, Epoch: 9}
	var line strings.Builder
	if err := want.Write(&line); err != nil {
		t.Fatal(err)
	}
	if got, _, err := readParent(strings.NewReader(line.String())); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "{}", "{\n", "x\n", strings.Repeat("x", parentMaxBytes+1)} {
		if _, _, err := readParent(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "not by hand") {
			t.Errorf("%.10q: got %v", bad, err)
		}
	}
}
