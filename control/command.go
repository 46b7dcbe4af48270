package control

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Command tells for which worker a command is, and of which manager; false for effects that are none.
func Command(e Effect) (frame.NodeID, Epoch, bool) {
	switch e := e.(type) {
	case Start:
		return e.Node, e.Assignment.Epoch, true
	case Connect:
		return e.Node, e.Epoch, true
	case Run:
		return e.Node, e.Epoch, true
	case Mark:
		return e.Node, e.Epoch, true
	case Trim:
		return e.Node, e.Epoch, true
	case Relink:
		return e.Node, e.Epoch, true
	case Adopt:
		return e.Node, e.Epoch, true
	case Admit:
		return e.Node, e.Epoch, true
	case Activated:
		return e.Node, e.Epoch, true
	case Stop:
		return e.Node, e.Epoch, true
	}
	return 0, 0, false
}

// Enqueue appends a command to those of the same connection that its worker has not taken yet, and leaves out what it makes void: a worker may be slow to
// take commands while bases and marks go on. There are at most CommandsMax then.
func Enqueue(waiting []Effect, cmd Effect) []Effect {
	if m, mark := cmd.(Mark); mark {
		waiting = withoutSettled(waiting, m.Epoch)
	}
	waiting = slices.DeleteFunc(waiting, func(old Effect) bool { return voids(cmd, old) })
	return append(waiting, cmd)
}

// CommandsMax bounds the commands that wait for a worker, of a run of so many workers and stages: those that come once a connection, the newest needs, the
// marks that may be open, what is to be known of each peer, and who keeps the journal and the images of each stage.
func CommandsMax(workers, stages int) int {
	const once, trims = 5, 1 // Start, Connect, Run, Adopt, Stop
	return once + trims + marksMax + 2*(workers-1) + 2*stages
}

// voids reports whether nothing is lost if a worker never hears of an older command of the same manager: the newer one says all of it.
func voids(cmd, old Effect) bool {
	switch c := cmd.(type) {
	case Trim: // needs never fall
		o, same := old.(Trim)
		return same && o.Epoch == c.Epoch
	case Relink: // of a peer the newest life alone is there
		o, same := old.(Relink)
		return same && o.Epoch == c.Epoch && o.Peer.Node == c.Peer.Node
	case Admit:
		o, same := old.(Admit)
		return same && o.Epoch == c.Epoch && o.Peer.Node == c.Peer.Node
	case Activated: // the set in the store
		o, same := old.(Activated)
		return same && o.Epoch == c.Epoch && o.Stage == c.Stage && o.Images == c.Images
	}
	return false
}

// withoutSettled leaves out the marks of a manager that are not open any more now that there is one more: the newest ones are.
func withoutSettled(waiting []Effect, epoch Epoch) []Effect {
	left := marksMax - 1
	for i := len(waiting) - 1; i >= 0; i-- {
		if m, mark := waiting[i].(Mark); mark && m.Epoch == epoch {
			if left--; left < 0 {
				waiting = slices.Delete(waiting, i, i+1)
			}
		}
	}
	return waiting
}
