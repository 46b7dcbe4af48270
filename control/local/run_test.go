package local_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/bench/flights"
	"github.com/streamscope/streamscope/control/local"
	"github.com/streamscope/streamscope/vertex/runtime"
)

func leaks(t *testing.T) {
	t.Cleanup(func() {
		goleak.VerifyNone(t, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
	})
}

// TestFlights runs the embedded week in this process and compares every byte.
func TestFlights(t *testing.T) {
	leaks(t)
	out := filepath.Join(t.TempDir(), "out.csv")
	g, err := flights.Job(flights.Options{Out: out, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := local.Run(context.Background(), g, local.Options{Tick: runtime.Schedule{Length: time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(flights.Expected()) {
		t.Fatalf("%d bytes differ from the expected %d", len(got), len(flights.Expected()))
	}
}

// TestCancelled: nothing is left of a run that was cancelled, and the error is the cause.
func TestCancelled(t *testing.T) {
	leaks(t)
	dir := t.TempDir()
	g, err := flights.Job(flights.Options{Out: filepath.Join(dir, "out.csv"), Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("the user had enough")
	cancel(cause)
	if _, err := local.Run(ctx, g, local.Options{Rate: 1}); !errors.Is(err, cause) {
		t.Fatalf("got %v, want %v", err, cause)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Fatalf("left behind: %v %v", left, err)
	}
}

// TestOptions: every complaint is told at once.
func TestOptions(t *testing.T) {
	g, err := flights.Job(flights.Options{Out: filepath.Join(t.TempDir(), "out.csv"), Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = local.Run(context.Background(), g, local.Options{Cores: -1, Rate: -1, Tick: runtime.Schedule{Bytes: 1, Length: time.Second}})
	for _, want := range []string{"cores", "rate", "ticks"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a complaint about %s", err, want)
		}
	}
}
