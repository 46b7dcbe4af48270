package hostlink

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// childEnv tells the test binary to be the other process of a test: its value is a childTask, as JSON.
const childEnv = "HOSTLINK_TEST_CHILD"

// childTask is what a child is asked for.
type childTask struct {
	Spec   spec
	Writes bool   // be the writer, which dials Addr; else the reader
	Addr   string // of the reader
	HangAt frame.Tick
}

// childMain is the child. It says "addr ADDRESS", "at HANG" where it stops for ever, and "done SHARED MAPPED" when all has gone well.
func childMain() int {
	err := child()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func child() (err error) {
	var task childTask
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &task); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	go func() { // ends with the parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	self := reader
	if task.Writes {
		self = writer
	}
	n, err := newNode(self, task.Spec)
	if err != nil {
		return err
	}
	most := int64(0)
	n.onTick = func(t frame.Tick) {
		most = max(most, n.host.Stats().MappedSegments)
		if t == task.HangAt {
			fmt.Println("at", t)
			<-ctx.Done()
		}
	}
	if task.Writes {
		if err := errors.Join(n.dial(task.Addr), n.send(ctx)); err != nil {
			return err
		}
		if err := n.link.Load().Close(ctx); err != nil {
			return err
		}
	} else {
		if err := n.expect(n.incoming()); err != nil {
			return err
		}
		fmt.Println("addr", n.endpoint.Addr())
		if err := n.receive(ctx); err != nil {
			return err
		}
		if err := n.wait(ctx); err != nil { // the writer says bye when it knows that all is drained
			return err
		}
	}
	shared := n.host.Stats().SharedFrames
	if err := n.close(); err != nil {
		return err
	}
	fmt.Println("done", shared, most)
	return nil
}

// process is a running child.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	err   bytes.Buffer
}

func startChild(t *testing.T, task childTask) *process {
	t.Helper()
	env, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(env))
	p.cmd.Stderr = &p.err
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	return p
}

// line returns the rest of the child's next line, which must begin so.
func (p *process) line(begin string) string {
	p.t.Helper()
	if !p.lines.Scan() || !strings.HasPrefix(p.lines.Text(), begin) {
		_ = p.cmd.Wait()
		p.t.Fatalf("child said %q, want %q: %s", p.lines.Text(), begin, p.err.String())
	}
	return strings.TrimSpace(strings.TrimPrefix(p.lines.Text(), begin))
}

// kill ends the child as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// TestTwoProcesses: the reader is another process and compares what it reads with the oracle.
func TestTwoProcesses(t *testing.T) {
	for i := range 4 {
		s := defaultSpec(t, 7)
		s.Unordered, s.Polls = i&1 != 0, i&2 != 0
		t.Run(fmt.Sprintf("unordered=%v,polls=%v", s.Unordered, s.Polls), func(t *testing.T) {
			in := startChild(t, childTask{Spec: s})
			out := startChild(t, childTask{Spec: s, Writes: true, Addr: in.line("addr")})
			var shared, mapped, none int
			if _, err := fmt.Sscan(out.line("done"), &shared, &none); err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscan(in.line("done"), &none, &mapped); err != nil {
				t.Fatal(err)
			}
			if (shared > 0) != shares(t) || (mapped > 0) != shares(t) {
				t.Errorf("%d frames went as references, %d segments were mapped; sharing works: %v", shared, mapped, shares(t))
			}
		})
	}
}

// TestReaderIsKilled: a reader that dies while it holds frames leaves the writer unharmed, and nothing of its holds.
func TestReaderIsKilled(t *testing.T) {
	for _, polls := range []bool{false, true} {
		t.Run(fmt.Sprintf("polls=%v", polls), func(t *testing.T) {
			s := defaultSpec(t, 8)
			s.Polls = polls
			readerIsKilled(t, s)
		})
	}
}

func readerIsKilled(t *testing.T, s spec) {
	in := startChild(t, childTask{Spec: s, HangAt: 10})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w, err := newNode(writer, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.dial(in.line("addr")); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- w.send(ctx) }()
	in.line("at")
	held := w.arena.Stats().Leases
	if shares(t) && held == 0 {
		t.Error("the reader holds no frame where it hangs")
	}
	before := w.downs.Load()
	in.kill()
	for w.downs.Load() == before {
		if err := w.wait(ctx); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Errorf("the writer ended with %v", err)
	}
	w.endpoint.Close()
	if st := w.arena.Stats(); st.Leases != 0 {
		t.Errorf("%d leases are left of a dead reader", st.Leases)
	}
	// What may have been read is not used again.
	if err := w.close(); err != nil {
		t.Error(err)
	}
}

// TestWriterIsKilled: a reader goes on reading what it holds of a writer that is dead, and unmaps it when it is done.
func TestWriterIsKilled(t *testing.T) {
	for _, polls := range []bool{false, true} {
		t.Run(fmt.Sprintf("polls=%v", polls), func(t *testing.T) {
			s := defaultSpec(t, 9)
			s.Polls = polls
			writerIsKilled(t, s)
		})
	}
}

func writerIsKilled(t *testing.T, s spec) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := newNode(reader, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.expect(r.incoming()); err != nil {
		t.Fatal(err)
	}
	out := startChild(t, childTask{Spec: s, Writes: true, Addr: r.endpoint.Addr(), HangAt: s.Ticks})
	lost := false
	r.onTick = func(frame.Tick) {
		if lost || (shares(t) && r.host.Stats().MappedSegments == 0) {
			return // the first ticks may come by value, before the writer has heard that it may share
		}
		lost = true
		out.kill()
		for r.downs.Load() == 0 {
			if err := r.wait(ctx); err != nil {
				t.Error(err)
				return
			}
		}
	}
	// The tick at hand is executed after the writer's death, and compared with the oracle.
	for !lost && r.tick < s.Ticks-1 {
		if err := r.receiveUpTo(ctx, r.tick+1); err != nil {
			t.Fatal(err)
		}
	}
	if !lost {
		t.Errorf("nothing was mapped in %d ticks", r.tick)
	}
	if err := r.close(); err != nil { // it counts mappings
		t.Error(err)
	}
}
