package simtest

import "github.com/streamscope/streamscope/vertex/vertextest"

// outputs has the output of a sink written to the disk: rows are durable once a checkpoint of it is answered, and those behind are lost with
// the process, or not.
func (d *disk) outputs(out *vertextest.MemoryOutput) {
	d.output = out
	out.Later = func(answer func()) {
		rows := out.Rows.Len()
		if d.sim.cfg.Broken == M07 {
			answer()
			answer = func() {}
		}
		d.later(func() {
			d.rows = rows
			answer()
		})
	}
}

// loseOutput loses what was not durable of an output, or some of it.
func (d *disk) loseOutput() {
	if d.output == nil || d.output.Rows == nil || d.output.Finished {
		return
	}
	if n := d.output.Rows.Len(); n > d.rows {
		d.output.Rows.Truncate(d.rows + d.sim.rng.IntN(n-d.rows+1))
	}
}
