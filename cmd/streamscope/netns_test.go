package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/chaos"
)

// TestChaosNetns is a short run of chaos over a network that is hurt, for each kind of fault.
func TestChaosNetns(t *testing.T) {
	t.Parallel()
	needNetns(t)
	for _, kind := range chaos.NetKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			var said strings.Builder
			cfg := netnsConfig(&said, kind)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			r, err := chaos.Run(ctx, cfg)
			if err != nil {
				t.Fatalf("%v\n%s", err, &said)
			}
			unhurt := func(f chaos.Fault) bool { return f.Kind != kind || f.Net == nil || f.Net.LastsS <= 0 }
			if !r.Same || r.Counted != cfg.Faults || slices.ContainsFunc(r.Faults, unhurt) {
				t.Errorf("%+v\n%s", r, &said)
			}
			var page strings.Builder
			if err := r.WriteHTML(&page); err != nil || !strings.Contains(page.String(), r.Faults[0].Net.String()) {
				t.Errorf("the page does not say %q: %v\n%s", r.Faults[0].Net, err, &page)
			}
			namespacesGone(t, said.String())
		})
	}
}

// TestChaosNetnsInterrupted: a run that is stopped while the network is hurt takes its namespaces with it.
func TestChaosNetnsInterrupted(t *testing.T) {
	t.Parallel()
	needNetns(t)
	var said strings.Builder
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stopped := errors.New("stopped by the test")
	cfg := netnsConfig(&said, chaos.Down)
	cfg.Out = writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "no cable") {
			cancel(stopped)
		}
		return said.Write(p)
	})
	_, err := chaos.Run(ctx, cfg)
	if !errors.Is(err, stopped) {
		t.Errorf("got %v, want %v\n%s", err, stopped, &said)
	} else if _, dir, ok := strings.Cut(err.Error(), "everything is left in "); ok {
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	namespacesGone(t, said.String())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func needNetns(t *testing.T) {
	if err := chaos.CheckNetns(); err != nil {
		t.Skip(err)
	}
}

func netnsConfig(said *strings.Builder, kind chaos.Kind) chaos.Config {
	return chaos.Config{
		Exe: binary, Job: "flights", Workers: 3, Faults: 2, Kinds: []chaos.Kind{kind}, Netns: true, Longest: 4 * time.Second,
		Seed: uint64(time.Now().UnixNano()), Rate: 40_000, Interval: 100 * time.Millisecond, Out: said,
	}
}

// namespacesGone checks that none of those that chaos has named is there.
func namespacesGone(t *testing.T, said string) {
	t.Helper()
	name := regexp.MustCompile(`network namespaces (streamscope-chaos-\d+)-`).FindStringSubmatch(said)
	if name == nil {
		t.Fatalf("it names no namespaces:\n%s", said)
	}
	if left, err := filepath.Glob("/run/netns/" + name[1] + "*"); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}
