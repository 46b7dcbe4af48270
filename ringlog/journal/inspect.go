package journal

import (
	"fmt"
	"io"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Inspect checks the journal in a folder without changing it, and writes what it holds.
func Inspect(dir string, w io.Writer) error {
	tasks := map[uint32]struct{}{}
	var last Record
	inputs, bytes := 0, uint64(0)
	segments, err := scan(dir, func(_ *segment, _ uint64, r Record) {
		tasks[uint32(r.Task)] = struct{}{}
		if r.Input != nil {
			inputs, bytes = inputs+1, bytes+uint64(r.Input.Len())
			return
		}
		last = r
	})
	if err != nil {
		return err
	}
	if len(segments) == 0 {
		return fmt.Errorf("%s: no journal", dir)
	}
	o := segments[0].header.owner
	fmt.Fprintf(w, "journal of job %#x, stage %d, node %d\n", o.job, o.stage, o.node)
	for _, s := range segments {
		fmt.Fprintf(w, "  %s  incarnation %d  records %d to %d  up to tick %s  %d bytes\n", name(s.seq), s.header.incarnation, s.header.first,
			int64(s.header.first+s.count)-1, tick(s.last), s.valid)
	}
	if len(tasks) > 0 {
		fmt.Fprintf(w, "  %d tasks; the newest record: task %d, ticks %s to %s, CTI %d, %d runs\n", len(tasks), last.Task, tick(last.First), tick(last.Last), last.CTI, len(last.Runs))
	}
	if inputs > 0 {
		fmt.Fprintf(w, "  %d records of input that cannot be read again, %d bytes\n", inputs, bytes)
	}
	return nil
}

// tick is a tick in words: a source that has ended has closed the last one there is.
func tick(t frame.Tick) string {
	if t == frame.MaxTick {
		return "the last"
	}
	return fmt.Sprint(uint64(t))
}
