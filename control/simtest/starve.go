package simtest

// action is a kind of thing that a Sim does.
type action uint8

// The actions, so far as one can be rare while the others go on.
const (
	hearing    action = iota // the manager takes what it is told
	obeying                  // workers take commands
	spilling                 // arenas grow and spill
	delivering               // links carry
	storing                  // disks make durable
	reporting                // workers tell how far they are
	executing                // cores step
	committing               // the store carries out transactions
	actions
)

var actionTexts = [actions]string{
	"the manager hears", "workers obey", "arenas spill", "links carry anything", "disks make anything durable", "workers report", "cores step", "the store commits",
}

// starvedSeldom is how seldom an action is done that is starved.
const starvedSeldom = 30

// starved names the action that a fault starves.
func (f Fault) starved() string { return actionTexts[f.Pick%uint64(actions)] }

// starve makes an action rare.
func (s *Sim) starve(f Fault, until int) { s.rare[f.Pick%uint64(actions)] = until }

// does tells whether an action is done now, as the seed has chosen, or is starved.
func (s *Sim) does(a action) bool { return s.steps >= s.rare[a] || s.rng.IntN(starvedSeldom) == 0 }

// heldStage tells whether a stage on a node does not get on at this step.
func (s *Sim) heldStage(h *harm, stage int) bool {
	return s.steps < h.lag && stage == h.lagging && s.rng.IntN(starvedSeldom) > 0
}
