package plane

import (
	"context"
	"errors"
	"time"

	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/plane/staged"
)

// wide is a session of `wide`: a process of its own runs the job, so that its memory is that of the job.
type wide struct {
	start func(ctx context.Context) (*child, error)
}

func openWide(_ context.Context, env measure.Env) (measure.Session, error) {
	w := &wide{func(ctx context.Context) (*child, error) { return startProcess(ctx, env.Exe) }}
	return measure.Func(w.measure), nil
}

func (w *wide) measure(ctx context.Context, d time.Duration) (sample measure.Sample, err error) {
	c, err := w.start(ctx)
	if err != nil {
		return sample, err
	}
	if c, err = c.begin(peerTask{Role: roleWide, For: d}); err != nil {
		return sample, err
	}
	r, err := c.result()
	if err != nil {
		return sample, err
	}
	return measure.Sample{Value: r.Wide.Rate(), Ratios: measure.Ratios{
		"cpu_ns_per_row": measure.PerRow(r.Wide.CPU, r.Wide.Rows),
		"peak_bytes":     float64(r.Peak),
	}}, nil
}

// wideAsChild runs the job in this process.
func wideAsChild(ctx context.Context, task peerTask, say func(any) error) (r peerResult, err error) {
	if err := say(peerReady{}); err != nil {
		return r, err
	}
	if r.Wide, err = staged.RunWide(ctx, task.For); err != nil {
		return r, err
	}
	peak, err := machine.PeakBytes()
	r.Peak = peak
	return r, errors.Join(err, ctx.Err())
}
