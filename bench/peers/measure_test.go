package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// brief is the length of a repetition here: long enough for every window to fill.
const brief = 30 * time.Millisecond

func env(t *testing.T) measure.Env {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return measure.Env{Exe: exe, Cores: 2, Say: func(string, ...any) {}}
}

func measureOnce(ctx context.Context, t *testing.T, w measure.Workload) (measure.Sample, error) {
	s, err := w.Open(ctx, env(t))
	if err != nil {
		t.Fatal(err)
	}
	sample, err := s.Measure(ctx, brief)
	return sample, errors.Join(err, s.Close())
}

func TestEveryPeerMeasures(t *testing.T) {
	for _, g := range groups() {
		for _, w := range g.peers {
			t.Run(w.Name, func(t *testing.T) {
				s, err := measureOnce(context.Background(), t, w)
				if err != nil || s.Value <= 0 {
					t.Fatalf("got %+v, %v", s, err)
				}
				if b, ok := s.Ratios["link_bytes_per_row"]; ok && (b < 32 || b > 64) {
					t.Errorf("got %v bytes per row on the link, want the rows' 32 and what messages add", b)
				}
			})
		}
	}
}

func TestCancelledMeasurementsSaySo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, g := range groups() {
		for _, w := range g.peers {
			if _, err := measureOnce(ctx, t, w); err == nil {
				t.Errorf("%s: no error, though its context had ended", w.Name)
			}
		}
	}
}

// boaster says that it made a row more than it did.
type boaster struct{ sender }

func (b boaster) run(until time.Time) (uint64, error) {
	made, err := b.sender.run(until)
	return made + 1, err
}

func TestLostRowsAreNoticed(t *testing.T) {
	for name, transport := range transports {
		var wire wireCount
		c, err := start(context.Background(), env(t).Exe, task{Transport: name, Size: 100})
		if err != nil {
			t.Fatal(err)
		}
		s, err := transport.send(context.Background(), c.addr, 100, &wire)
		if err != nil {
			t.Fatal(c.end(err))
		}
		_, err = exchange(boaster{s}, c, brief, &wire)
		if err == nil || !strings.Contains(err.Error(), "the rows that arrived") {
			t.Errorf("%s: got %v, want an error about the rows", name, err)
		}
		if err := errors.Join(s.close(), c.end(nil)); err != nil {
			t.Error(err)
		}
	}
}

func TestAReceiverThatRefusesEndsTheSender(t *testing.T) {
	c, err := start(context.Background(), env(t).Exe, task{Transport: "grpc", Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	s, err := grpcSend(context.Background(), c.addr, 101, new(wireCount)) // the receiver wants 100 rows in a message
	if err != nil {
		t.Fatal(c.end(err))
	}
	_, err = s.run(time.Now().Add(time.Minute))
	if err == nil || !strings.Contains(err.Error(), "want 3456") {
		t.Errorf("got %v, want the receiver's reason: 256 bytes of counts and 100 rows of 32", err)
	}
	if err := errors.Join(s.close(), c.end(nil)); err == nil {
		t.Error("the child ended without an error")
	}
}

func TestChildRefusesNonsense(t *testing.T) {
	for _, in := range []string{"", "no JSON\n", `{"Transport":"none","Size":1}` + "\n", `{"Transport":"grpc"}` + "\n"} {
		var out bytes.Buffer
		if err := serve(context.Background(), strings.NewReader(in), &out); err == nil || out.Len() > 0 {
			t.Errorf("task %q: got %v and %q, want an error and nothing written", in, err, out.String())
		}
	}
}

func TestChildEndsWithItsInput(t *testing.T) {
	for name := range transports {
		var out bytes.Buffer
		if err := serve(context.Background(), strings.NewReader(`{"Transport":"`+name+`","Size":1}`+"\n"), &out); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
}
