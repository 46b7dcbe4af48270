package staged

import (
	"context"
	"errors"
	goruntime "runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/bench/measure"
)

func TestMain(m *testing.M) {
	// netpoll's pollers live as long as the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

const brief = 50 * time.Millisecond

func TestTasksMeasure(t *testing.T) {
	s, err := MeasureTasks(context.Background(), 4*brief)
	if err != nil || s.Value <= 0 {
		t.Fatalf("got %+v, %v", s, err)
	}
}

func TestWideMeasures(t *testing.T) {
	if r, err := RunWide(context.Background(), brief); err != nil || r.Rows == 0 || r.CPU <= 0 {
		t.Fatalf("got %+v, %v", r, err)
	}
}

// TestMemoryGrowsWithTasks holds the heap of a job with 1,000 x 1,000 channels against one with a sixteenth of them.
func TestMemoryGrowsWithTasks(t *testing.T) {
	heap := func(tasks int) float64 {
		n, err := newJob(wideShape(tasks)).node()
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := n.Stop(); err != nil {
				t.Error(err)
			}
		}()
		var m goruntime.MemStats
		goruntime.GC()
		goruntime.ReadMemStats(&m)
		goruntime.KeepAlive(n)
		return float64(m.HeapAlloc)
	}
	heap(1) // what every job needs
	none, few, many := heap(1), heap(250), heap(1000)
	if grown, task := many-none, (few-none)/250; grown > 1.5*1000*task {
		t.Errorf("1,000 tasks to 1,000 take %.0f bytes, want not much more than 1,000 times the %.0f of one of 250", grown, task)
	}
}

func TestLostRowsAreNoticed(t *testing.T) {
	j := newJob(wideShape(3))
	if _, err := j.run(context.Background(), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	j.source.mu.readers[1].made++
	if err := j.check(); err == nil {
		t.Error("a row that did not arrive was not noticed")
	}
}

func TestACancelledJobSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := MeasureTasks(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context has ended", err)
	}
	if _, err := RunWide(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that the context has ended", err)
	}
}

func bench(b *testing.B, s shape) {
	r, err := newJob(s).run(context.Background(), time.Duration(b.N)*time.Millisecond)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(r.Rate()/1e6, "Mrows/s")
	b.ReportMetric(measure.PerRow(r.CPU, r.Rows), "cpu-ns/row")
	b.ReportMetric(100*float64(r.CPU)/float64(r.Took), "%core")
}

// The benchmarks run for b.N milliseconds: for profiles.
func Benchmark16(b *testing.B)   { bench(b, tasksShape(16)) }
func Benchmark256(b *testing.B)  { bench(b, tasksShape(256)) }
func Benchmark3000(b *testing.B) { bench(b, tasksShape(3000)) }
func BenchmarkWide(b *testing.B) { bench(b, wideShape(wideTasks)) }
func BenchmarkIdle(b *testing.B) {
	s := tasksShape(3000)
	s.idle = true
	bench(b, s)
}
