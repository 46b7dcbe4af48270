package kernel

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/bench/measure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryKernelMeasures(t *testing.T) {
	for _, w := range Workloads() {
		t.Run(w.Name, func(t *testing.T) {
			v, err := Rate(context.Background(), w, measure.Env{Cores: 1}, time.Millisecond)
			if err != nil || v <= 0 {
				t.Errorf("got %v %s, %v", v, w.Unit, err)
			}
		})
	}
}

func TestACancelledKernelSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, w := range Workloads() {
		if _, err := Rate(ctx, w, measure.Env{Cores: 1}, time.Millisecond); err == nil {
			t.Errorf("%s: measured after its context had ended", w.Name)
		}
	}
}

func TestDrainCountsWhatCame(t *testing.T) {
	a, b := net.Pipe()
	done := make(chan int64)
	go func() {
		n, err := Drain(b)
		if err != nil {
			n = -1
		}
		done <- n
	}()
	n, err := io.Copy(a, bytes.NewReader(make([]byte, 3<<20+1)))
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-done; err != nil || got != n {
		t.Errorf("drained %d bytes, want %d; %v", got, n, err)
	}
}

func TestMovePutsRowsInTheirPlaces(t *testing.T) {
	a, b := make([]int64, 4), make([]int64, 4)
	move(a, []int64{10, 11, 12, 13}, b, []int64{20, 21, 22, 23}, []int32{2, 0, 3, 1})
	if want := []int64{11, 13, 10, 12}; !slices.Equal(a, want) {
		t.Errorf("got %v, want %v", a, want)
	}
	if want := []int64{21, 23, 20, 22}; !slices.Equal(b, want) {
		t.Errorf("got %v, want %v", b, want)
	}
}
