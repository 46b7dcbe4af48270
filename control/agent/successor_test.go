package agent

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// recovering is a worker with recovery that notes what it is told.
type recovering struct {
	worker
	told []string
}

func (w *recovering) Mark(t frame.Tick) { w.told = append(w.told, fmt.Sprint("mark ", t)) }
func (w *recovering) Trim(n control.Needs) error {
	w.told = append(w.told, fmt.Sprint("trim ", n))
	return nil
}
func (w *recovering) Relink(p control.Peer) {
	w.told = append(w.told, fmt.Sprintf("relink %d.%d", p.Node, p.Incarnation))
}
func (w *recovering) CopyAddr() string                { return "copies:1" }
func (w *recovering) Admit(control.Peer)              {}
func (w *recovering) Activated(control.Activated)     {}
func (w *recovering) Activations() []control.Activate { return nil }
func (w *recovering) Wishes() <-chan struct{}         { return nil }
func (w *recovering) Report() (control.Reported, error) {
	return control.Reported{Executed: []frame.Tick{12}, Opened: 14}, nil
}

// next is a manager that a search finds.
type next struct {
	conn  rpc.AgentConn
	epoch control.Epoch
}

// outliving is a rig whose agent has a worker with recovery, and searches that find what the test sends.
type outliving struct {
	*rig
	w        *recovering
	managers chan next
	lose     context.CancelFunc // ends the connection with the first manager
}

const life frame.Incarnation = 2

func outlive(t *testing.T, patience time.Duration) *outliving {
	ctx, cancel := context.WithCancel(context.Background())
	first, lose := context.WithCancel(ctx)
	up, down := rpc.Pipe(first)
	o := &outliving{managers: make(chan next), lose: lose, w: &recovering{worker: worker{release: make(chan error, 1)}}}
	o.rig = &rig{t: t, conn: down, cancel: cancel, served: make(chan error, 1)}
	cfg := Config{
		Node: 1, Epoch: epoch, Incarnation: life, PID: 42, Build: build, ProgressEvery: time.Millisecond, Patience: patience,
		NewWorker: func(*plan.Plan, control.Assignment, rpc.Limits) (Worker, error) { return o.w, nil },
		Successor: func(ctx context.Context) (rpc.AgentConn, control.Epoch, error) {
			select {
			case m := <-o.managers:
				return m.conn, m.epoch, nil
			case <-ctx.Done():
				return nil, 0, ctx.Err()
			}
		},
	}
	go func() { o.served <- Serve(ctx, up, cfg) }()
	t.Cleanup(func() {
		lose()
		cancel()
		if o.served != nil {
			<-o.served
		}
	})
	o.expect("hello")
	as := control.Assignment{Epoch: epoch, Node: 1, Nodes: 3, Cores: 1, Incarnation: life, Restore: []frame.Tick{8}, Marks: []frame.Tick{10}}
	o.tell(rpc.Down{Start: &rpc.Start{Start: control.Start{Node: 1, Assignment: as}, Job: rpc.Job{Name: "good"}}})
	o.expect("ready")
	peers := []control.Peer{{Node: 0, Incarnation: 1}, {Node: 1, Incarnation: life}, {Node: 2, Incarnation: 1}}
	o.tell(rpc.Down{Connect: &control.Connect{Node: 1, Epoch: epoch, Peers: peers}})
	o.expect("linked")
	o.tell(rpc.Down{Run: &control.Run{Node: 1, Epoch: epoch}})
	o.tell(rpc.Down{Relink: &control.Relink{Node: 1, Epoch: epoch, Peer: control.Peer{Node: 2, Incarnation: 3}}})
	o.tell(rpc.Down{Mark: &control.Mark{Node: 1, Epoch: epoch, Tick: 20}})
	o.expect("progress") // it runs
	return o
}

// expect waits for an event of a kind and returns it; what comes every now and then is passed over.
func (o *outliving) expect(kind string) control.Event {
	o.t.Helper()
	for {
		up, err := o.conn.Receive()
		if err != nil {
			o.t.Fatalf("want %s: %v", kind, err)
		}
		ev, err := up.Event()
		if err != nil {
			o.t.Fatal(err)
		}
		switch got := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", ev), "control.")); {
		case got == kind:
			return ev
		case got != "progress" && got != "reported":
			o.t.Fatalf("got %+v, want %s", ev, kind)
		}
	}
}

// succeed has a search find a manager of an epoch, and returns the end of its connection.
func (o *outliving) succeed(e control.Epoch) context.CancelFunc {
	ctx, end := context.WithCancel(context.Background())
	o.t.Cleanup(end)
	up, down := rpc.Pipe(ctx)
	o.managers <- next{up, e}
	o.conn = down
	return end
}

func (o *outliving) stopBy(e control.Epoch) {
	o.t.Helper()
	o.tell(rpc.Down{Stop: &control.Stop{Node: 1, Epoch: e}})
	o.expect("stopped")
	if err := <-o.served; err != nil {
		o.t.Error(err)
	}
	o.served = nil
	if n := o.w.stops.Load(); n != 1 {
		o.t.Errorf("stopped %d times", n)
	}
}

// TestOutlivesItsManager loses two managers, and finishes while it has none.
func TestOutlivesItsManager(t *testing.T) {
	o := outlive(t, time.Hour)
	o.lose()
	end := o.succeed(epoch + 1)
	h := o.expect("hello").(control.Hello)
	l := h.Living
	if h.Epoch != epoch+1 || h.Incarnation != life || l == nil || l.Knew != epoch || l.Addr != "here:1" || l.CopyAddr != "copies:1" || l.Marked != 20 ||
		fmt.Sprint(l.Restored, l.Reported.Executed, l.Peers[0].Incarnation, l.Peers[1].Incarnation) != "[8] [12] 1 3" || len(l.Peers) != 2 {
		t.Fatalf("hello %+v, %+v", h, l)
	}
	// Before it is adopted it obeys nobody, and then neither the manager before.
	o.tell(rpc.Down{Mark: &control.Mark{Node: 1, Epoch: epoch + 1, Tick: 30}})
	o.tell(rpc.Down{Adopt: &control.Adopt{Node: 1, Epoch: epoch, Marks: []frame.Tick{31}}})
	o.tell(rpc.Down{Adopt: &control.Adopt{Node: 1, Epoch: epoch + 1, Needs: control.Needs{{9}}, Marks: []frame.Tick{40}}})
	o.expect("progress")
	end()
	o.w.release <- nil
	o.succeed(epoch + 2)
	if h := o.expect("hello").(control.Hello); h.Living.Knew != epoch+1 || h.Living.Marked != 40 {
		t.Errorf("hello %+v, %+v", h, h.Living)
	}
	o.tell(rpc.Down{Adopt: &control.Adopt{Node: 1, Epoch: epoch + 2}})
	if f := o.expect("finished").(control.Finished); f.Epoch != epoch+2 || f.Stats.EventsIn != 7 {
		t.Errorf("finished %+v", f)
	}
	o.stopBy(epoch + 2)
	if got := strings.Join(o.w.told, ", "); got != "relink 2.3, mark 20, mark 40, trim [[9]], trim []" {
		t.Errorf("told %s", got)
	}
}

// TestLowerEpochIsNoSuccessor: a manager that was succeeded does not get the worker back.
func TestLowerEpochIsNoSuccessor(t *testing.T) {
	o := outlive(t, time.Hour)
	o.lose()
	o.succeed(epoch - 1)
	o.succeed(epoch) // the same comes again: its connection had broken
	if h := o.expect("hello").(control.Hello); h.Epoch != epoch {
		t.Errorf("hello %+v", h)
	}
	o.tell(rpc.Down{Adopt: &control.Adopt{Node: 1, Epoch: epoch}})
	o.expect("progress")
	o.stopBy(epoch)
}

// TestPatienceEnds without a manager, and the worker with it.
func TestPatienceEnds(t *testing.T) {
	o := outlive(t, time.Millisecond)
	o.lose()
	if err := <-o.served; !errors.Is(err, ErrOrphan) {
		t.Errorf("got %v", err)
	}
	o.served = nil
	if n := o.w.stops.Load(); n != 1 {
		t.Errorf("stopped %d times", n)
	}
}

// TestFailsAlone: a worker that fails while it has no manager ends.
func TestFailsAlone(t *testing.T) {
	o := outlive(t, time.Hour)
	o.lose()
	o.succeed(epoch - 1) // it looks for one
	o.w.release <- errors.New("bad row")
	if err := <-o.served; err == nil || !strings.Contains(err.Error(), "bad row") {
		t.Errorf("got %v", err)
	}
	o.served = nil
}

// refusing is a connection to a manager that wants another life.
type refusing struct{}

func (refusing) Send(*rpc.Up) error { return nil }
func (refusing) Receive() (*rpc.Down, error) {
	return nil, connect.NewError(connect.CodeFailedPrecondition, errors.New("incarnation 2, want 3"))
}

func TestUnwantedWorkerEnds(t *testing.T) {
	o := outlive(t, time.Hour)
	o.lose()
	o.managers <- next{refusing{}, epoch + 1}
	if err := <-o.served; !rpc.Unwanted(err) {
		t.Errorf("got %v", err)
	}
	o.served = nil
}

func TestAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manager")
	a := rpc.Address{URL: "http://127.0.0.1:1", Token: "secret", Epoch: 3, PID: 7, Group: 7}
	if err := a.Write(path); err != nil {
		t.Fatal(err)
	}
	if got, err := rpc.ReadAddress(path, "secret"); err != nil || got != a {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := rpc.ReadAddress(path, "another"); !errors.Is(err, rpc.ErrAddress) {
		t.Errorf("another run's: %v", err)
	}
	older := a
	older.Epoch--
	if err := older.Remove(path); err != nil {
		t.Error(err)
	}
	if _, err := rpc.ReadAddress(path, "secret"); err != nil {
		t.Errorf("a manager removed the address of its successor: %v", err)
	}
	if err := a.Remove(path); err != nil {
		t.Error(err)
	}
	if _, err := rpc.ReadAddress(path, "secret"); err == nil {
		t.Error("the address is left")
	}
}
