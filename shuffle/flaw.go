package shuffle

import "github.com/streamscope/streamscope/ringlog/frame"

// Flaw is a rule of a node's own bookkeeping (R2, R6, R7) that a simulator breaks, to see that it notices. Whoever looks at one does so where
// something came again that was there already, so that it costs nothing otherwise.
type Flaw uint8

// The flaws.
const (
	NoFlaw   Flaw = iota
	NotFinal      // rows of ticks that their source task has closed are taken again
	Counted       // closes of a tick are counted: one that comes again stands for that of another task
	Unlogged      // what is executed again, and its receiver has closed, is not kept
	Gapped        // a lane begins with what is kept, although what its reader wants was dropped
)

// Break breaks a rule from now on. It is for control/simtest alone, which calls it before anything is received.
func (x *Exchange) Break(f Flaw) {
	x.flaw = f
	for _, p := range x.ports {
		for _, in := range p.ins {
			if in != nil {
				in.prog.counts = f == Counted
			}
		}
	}
}

// countAgain takes a close that was here before for that of a task that has not closed as much.
func (p *progress) countAgain(e frame.CloseEntry) error {
	for i, closed := range p.closedBy {
		if closed < e.LastTick && e.FirstTick <= closed+1 {
			e.First = p.tasks.First + frame.TaskID(i)
			e.Last, e.CTI = e.First, frame.SameCTI
			return p.close(e)
		}
	}
	return nil
}
