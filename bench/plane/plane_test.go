package plane

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// netpoll's pollers live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// brief is the length of a repetition here: long enough for every log and window to wrap.
const brief = 50 * time.Millisecond

func TestLogMeasures(t *testing.T) {
	if s, err := measureLog(context.Background(), brief); err != nil || s.Value <= 0 {
		t.Fatalf("got %+v, %v", s, err)
	}
}

func TestLocalMeasures(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		if s, err := measureLocal(localShape(ordered))(context.Background(), brief); err != nil || s.Value <= 0 {
			t.Fatalf("ordered %v: got %+v, %v", ordered, s, err)
		}
	}
}

// inProcess is a child that is no process: it runs Peer in a goroutine, behind pipes of the kernel, which hold what nobody reads.
func inProcess(ctx context.Context) (*child, error) {
	in, toChild, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	fromChild, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() {
		err := Peer(ctx, in, out)
		done <- errors.Join(err, out.Close())
	}()
	wait := func() error { return errors.Join(<-done, in.Close(), fromChild.Close()) }
	return &child{stdin: toChild, lines: json.NewDecoder(fromChild), wait: wait}, nil
}

func TestTCPMeasures(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		s, err := (&tcp{start: inProcess, shape: tcpShape(ordered)}).measure(context.Background(), brief)
		if err != nil || s.Value <= 0 {
			t.Fatalf("ordered %v: got %+v, %v", ordered, s, err)
		}
		if b := s.Ratios["link_bytes_per_row"]; b < 32 {
			t.Errorf("ordered %v: got %v bytes per row on the link, want the rows' 32 and what frames add", ordered, b)
		}
	}
}

func TestTightShapesLoseNothing(t *testing.T) {
	s := shape{Cores: localCores, Tasks: 7, BatchRows: 100, TickRows: 300, FrameBytes: 4096, SegmentBytes: 64 << 10, ArenaBytes: 6 * 64 << 10, CreditBytes: 4096, Ahead: 1, Sums: true}
	for _, ordered := range []bool{false, true} {
		s.Ordered = ordered
		if _, err := measureLocal(s)(context.Background(), brief); err != nil {
			t.Errorf("local, ordered %v: %v", ordered, err)
		}
		if _, err := (&tcp{start: inProcess, shape: s}).measure(context.Background(), brief); err != nil {
			t.Errorf("tcp, ordered %v: %v", ordered, err)
		}
	}
}

func TestCancelledMeasurementsSaySo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, f := range map[string]func(context.Context, time.Duration) error{
		"ringlog": func(ctx context.Context, d time.Duration) error { _, err := measureLog(ctx, d); return err },
		"local": func(ctx context.Context, d time.Duration) error {
			_, err := measureLocal(localShape(false))(ctx, d)
			return err
		},
		"tcp": func(ctx context.Context, d time.Duration) error {
			_, err := (&tcp{start: inProcess, shape: tcpShape(false)}).measure(ctx, d)
			return err
		},
	} {
		if err := f(ctx, brief); err == nil {
			t.Errorf("%s: no error, though its context had ended", name)
		}
	}
}

func TestPeerRefusesNonsense(t *testing.T) {
	for _, in := range []string{"", "no JSON\n", `{"Role":"none"}` + "\n"} {
		if err := Peer(context.Background(), strings.NewReader(in), io.Discard); err == nil {
			t.Errorf("task %q: no error", in)
		}
	}
}

func TestLostRowsAreNoticed(t *testing.T) {
	l, err := newLocal(localShape(false), newPlain())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := l.run(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, err := l.check(); err != nil {
		t.Fatal(err)
	}
	l.cores[0].producer.made--
	if _, err := l.check(); err == nil {
		t.Error("a row too many was not noticed")
	}
}
