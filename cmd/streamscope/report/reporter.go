package report

import (
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// LineInterval is the time between plain lines of progress.
const LineInterval = 2 * time.Second

// Config of a Reporter.
type Config struct {
	Out      io.Writer // standard error
	Terminal bool      // Out is one: show a live bar
	JSON     bool      // messages as JSON lines, no bar
	Now      func() time.Time
}

// Reporter shows progress and messages. Make one with New, end it with Close or Done.
type Reporter struct {
	cfg   Config
	log   *slog.Logger
	lines io.Writer
	start time.Time
	last  atomic.Pointer[Progress] // what the bar's goroutine shows

	mu   sync.Mutex
	at   time.Time // of the last plain line
	was  Progress  // as of the last plain line
	done bool

	bars *mpb.Progress // nil unless live
	bar  *mpb.Bar
}

// New starts the clock of a run named job.
func New(job string, cfg Config) *Reporter {
	r := &Reporter{cfg: cfg, start: cfg.Now()}
	r.at = r.start
	r.last.Store(&Progress{})
	out := io.Writer(&lockedWriter{w: cfg.Out})
	if cfg.Terminal && !cfg.JSON {
		r.bars = mpb.New(mpb.WithOutput(cfg.Out), mpb.WithAutoRefresh())
		r.bar = r.bars.MustAdd(0, knownTotal{mpb.BarStyle().Build()}, mpb.BarRemoveOnComplete(), mpb.BarWidth(24),
			mpb.PrependDecorators(decor.Name(job+" ")),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return r.liveText() })))
		out = barWriter{r.bars, out}
	}
	r.lines = out
	if cfg.JSON {
		r.log = slog.New(slog.NewJSONHandler(out, nil))
	} else {
		r.log = slog.New(lineHandler{out: out})
	}
	return r
}

// Log is where messages go, those of the engine included.
func (r *Reporter) Log() *slog.Logger { return r.log }

// Lines takes whole lines, above the live bar where there is one. It may be used by any goroutine.
func (r *Reporter) Lines() io.Writer { return r.lines }

// Elapsed is the time since New.
func (r *Reporter) Elapsed() time.Duration { return r.cfg.Now().Sub(r.start) }

// Observe takes the newest progress. It may be called as often as the engine likes.
func (r *Reporter) Observe(p Progress) {
	r.last.Store(&p)
	if r.bar != nil {
		if p.EventsTotal > 0 {
			r.bar.SetTotal(int64(p.EventsTotal), false)
		}
		r.bar.SetCurrent(int64(p.EventsIn))
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	since := now.Sub(r.at)
	if r.done || since < LineInterval {
		return
	}
	perS := float64(p.EventsIn-min(p.EventsIn, max(r.was.EventsIn, p.EventsBefore))) / since.Seconds()
	r.at, r.was = now, p
	r.line(p, now.Sub(r.start), perS)
}

func (r *Reporter) line(p Progress, elapsed time.Duration, perS float64) {
	if r.cfg.JSON {
		r.log.Info("progress", "events_in", p.EventsIn, "events_out", p.EventsOut, "late", p.Late, "skipped", p.Skipped,
			"ticks", p.Ticks, "elapsed_s", elapsed.Seconds(), "events_per_s", perS)
		return
	}
	r.log.Info(line(p, elapsed, perS))
}

// liveText stands behind the bar; the bar's own goroutine asks for it.
func (r *Reporter) liveText() string {
	p, elapsed := r.last.Load(), r.Elapsed()
	return " " + line(*p, elapsed, float64(p.EventsIn-min(p.EventsIn, p.EventsBefore))/max(elapsed.Seconds(), 1e-3))
}

// Close ends the display of progress. Messages may still be logged.
func (r *Reporter) Close() {
	r.mu.Lock()
	was := r.done
	r.done = true
	r.mu.Unlock()
	if !was && r.bars != nil {
		r.bar.Abort(true)
		r.bars.Wait()
	}
}

// Done ends the display and says how the run went.
func (r *Reporter) Done(s *Stats) {
	r.Close()
	if r.cfg.JSON {
		r.log.Info("done", "events_in", s.EventsIn, "events_out", s.EventsOut, "late", s.Late, "skipped", s.Skipped,
			"ticks", s.Ticks, "elapsed_s", s.ElapsedS, "events_per_s", s.EventsPerS, "peak_bytes", s.PeakBytes)
		return
	}
	r.log.Info(Summary(s))
}

// lockedWriter makes one Write at a time.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// barWriter writes above the live bar, and straight once that has ended.
type barWriter struct {
	bars   *mpb.Progress
	direct io.Writer
}

func (b barWriter) Write(p []byte) (int, error) {
	n, err := b.bars.Write(p)
	if errors.Is(err, mpb.ErrDone) {
		return b.direct.Write(p)
	}
	return n, err
}

// knownTotal draws a bar only where its end is known.
type knownTotal struct{ mpb.BarFiller }

func (k knownTotal) Fill(w io.Writer, s decor.Statistics) error {
	if s.Total <= 0 {
		return nil
	}
	return k.BarFiller.Fill(w, s)
}
