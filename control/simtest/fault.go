package simtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Kind is a kind of fault.
type Kind uint8

// The kinds.
const (
	Crash      Kind = iota // a worker's process ends
	CrashAll               // all workers' and the manager's end
	Zombie                 // a worker is taken for dead and replaced, and goes on for a while
	Away                   // a worker and the manager do not hear of each other, and it cannot be killed
	Cut                    // nothing gets from a node to another
	Split                  // nothing gets from a node to another or back
	Reset                  // a connection breaks
	Slow                   // a node hardly gets on
	Stall                  // nothing that a node writes becomes durable
	FailImages             // a node's images cannot be saved
	Damage                 // bits flip in the newest image of a unit, or in all that it has
	Clock                  // a node's clock, or the manager's, jumps
	Flip                   // a bit flips on the way between two nodes
	Rot                    // a bit flips in what a node's logs hold, in memory or on disk
	Full                   // a node's disk is full
	Tight                  // a node has no memory for its logs but what is reserved
	HangUp                 // the connection of a worker and the manager breaks
	Starve                 // one kind of action is rare
	Lag                    // a stage hardly gets on, on one node
	Manager                // the manager dies, and its workers live on without one for a while
	Rival                  // another manager takes over, and the one before lives on for a while
	kinds
)

var kindNames = [kinds]string{
	"Crash", "CrashAll", "Zombie", "Away", "Cut", "Split", "Reset", "Slow", "Stall", "FailImages", "Damage", "Clock",
	"Flip", "Rot", "Full", "Tight", "HangUp", "Starve", "Lag", "Manager", "Rival",
}

func (k Kind) String() string { return kindNames[k] }

var kindTexts = [kinds]string{
	Crash: "worker %[1]d dies", CrashAll: "all die", Zombie: "worker %[1]d is replaced, but goes on for %[3]d steps",
	Away: "worker %[1]d and the manager lose each other for %[3]d steps", Cut: "nothing gets from node %[1]d to node %[2]d for %[3]d steps",
	Split: "nodes %[1]d and %[2]d lose each other for %[3]d steps", Reset: "a connection between nodes %[1]d and %[2]d breaks",
	Slow: "node %[1]d is slow for %[3]d steps", Stall: "nothing becomes durable on node %[1]d for %[3]d steps",
	FailImages: "node %[1]d cannot save images for %[3]d steps", Damage: "bits flip in an image of node %[1]d",
	Clock: "the clock of node %[1]d jumps", Flip: "a bit flips on the way from node %[1]d to node %[2]d", Rot: "a bit flips in a log of node %[1]d",
	Full: "the disk of node %[1]d is full for %[3]d steps", Tight: "node %[1]d has no memory for logs for %[3]d steps",
	HangUp: "the connection of worker %[1]d and the manager breaks", Starve: "for %[3]d steps it is rare that %[4]s",
	Lag: "a stage hardly gets on on node %[1]d for %[3]d steps", Manager: "the manager dies, and nobody takes its place for %[3]d steps",
	Rival: "a manager takes over, and the one before lives on for %[3]d steps",
}

// Fault is something that happens to a run.
type Fault struct {
	Step       int
	Kind       Kind
	Node, Peer frame.NodeID
	Length     int    // steps that it lasts, where it lasts
	Pick       uint64 // chooses among what there is when it happens
}

func (f Fault) String() string {
	text := fmt.Sprintf(kindTexts[f.Kind]+"%[5]s", f.Node, f.Peer, f.Length, f.starved(), "")
	if i := strings.Index(text, "%!"); i >= 0 {
		text = text[:i] // arguments that the text does not name
	}
	return fmt.Sprintf("step %d: %s", f.Step, text)
}

// DrawFaults draws n faults of some kinds, every so many steps on average, for a cluster of so many nodes.
func DrawFaults(rng *rand.Rand, some []Kind, n, every, nodes int) []Fault {
	var faults []Fault
	for at := 0; len(faults) < n; {
		at += 1 + rng.IntN(2*every)
		a := rng.IntN(nodes)
		faults = append(faults, Fault{
			Step: at, Kind: some[rng.IntN(len(some))], Node: frame.NodeID(a), Peer: frame.NodeID((a + 1 + rng.IntN(max(1, nodes-1))) % nodes),
			Length: 1 + rng.IntN(every<<rng.IntN(3)), Pick: rng.Uint64(),
		})
	}
	return faults
}

// DrawKinds draws which kinds a run knows, of those that leave the manager alone: about half, so that each is missing in some. There is always one that
// somebody has to be replaced for.
func DrawKinds(rng *rand.Rand) []Kind {
	some := []Kind{[]Kind{Crash, CrashAll, Zombie}[rng.IntN(3)]}
	for k := range Manager {
		if rng.IntN(2) == 0 {
			some = append(some, k)
		}
	}
	return some
}

// DrawManagers adds, in half of all runs, up to four faults of managers.
func DrawManagers(rng *rand.Rand, faults []Fault, nodes int) []Fault {
	if rng.IntN(2) == 0 {
		return faults
	}
	all := slices.Concat(faults, DrawFaults(rng, []Kind{Manager, Rival}, 1+rng.IntN(4), 50<<rng.IntN(5), nodes))
	slices.SortStableFunc(all, func(a, b Fault) int { return a.Step - b.Step })
	return all
}
