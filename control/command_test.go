package control

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// activeSet names who keeps a stage's journal, or its images.
type activeSet struct {
	stage  StageID
	images bool
}

// heard is what a worker knows of its commands, in whatever number they came.
type heard struct {
	needs     frame.Tick
	marks     [marksMax]frame.Tick // the newest
	peers     map[frame.NodeID]frame.Incarnation
	admitted  map[frame.NodeID]frame.Incarnation
	sets      map[activeSet]uint64
	connected bool
}

func (h *heard) obey(e Effect) {
	switch e := e.(type) {
	case Connect:
		h.connected = true
	case Trim:
		h.needs = max(h.needs, e.Needs[0][0])
	case Mark:
		copy(h.marks[:], h.marks[1:])
		h.marks[marksMax-1] = e.Tick
	case Relink:
		h.peers[e.Peer.Node] = e.Peer.Incarnation
	case Admit:
		h.admitted[e.Peer.Node] = e.Peer.Incarnation
	case Activated:
		h.sets[activeSet{e.Stage, e.Images}] = e.Set.Version
	}
}

// TestEnqueueLosesNothing: a worker that takes its commands seldom knows the same at last as one that takes them at once, and few wait.
func TestEnqueueLosesNothing(t *testing.T) {
	const workers, stages = 4, 3
	fresh := func() *heard {
		return &heard{peers: map[frame.NodeID]frame.Incarnation{}, admitted: map[frame.NodeID]frame.Incarnation{}, sets: map[activeSet]uint64{}}
	}
	rapid.Check(t, func(t *rapid.T) {
		atOnce, seldom := fresh(), fresh()
		waiting := Enqueue(nil, Start{Node: 1})
		waiting = Enqueue(waiting, Connect{Node: 1})
		atOnce.obey(Connect{})
		for i := range rapid.IntRange(0, 200).Draw(t, "commands") {
			peer := Peer{Node: frame.NodeID(rapid.SampledFrom([]int{0, 2, 3}).Draw(t, "peer")), Incarnation: frame.Incarnation(i)}
			var cmd Effect
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				cmd = Mark{Tick: frame.Tick(i)}
			case 1:
				cmd = Trim{Needs: Needs{{frame.Tick(i)}}}
			case 2:
				cmd = Relink{Peer: peer}
			case 3:
				cmd = Admit{Peer: peer}
			case 4:
				stage, images := StageID(rapid.IntRange(0, stages-1).Draw(t, "stage")), rapid.Bool().Draw(t, "images")
				cmd = Activated{Stage: stage, Images: images, Set: JournalSet{Version: uint64(i)}}
			default:
				if len(waiting) > 0 {
					seldom.obey(waiting[0])
					waiting = waiting[1:]
				}
				continue
			}
			atOnce.obey(cmd)
			if waiting = Enqueue(waiting, cmd); len(waiting) > CommandsMax(workers, stages) {
				t.Fatalf("%d wait, want at most %d", len(waiting), CommandsMax(workers, stages))
			}
		}
		for _, cmd := range waiting {
			seldom.obey(cmd)
		}
		if !reflect.DeepEqual(atOnce, seldom) {
			t.Fatalf("heard %+v, want %+v", seldom, atOnce)
		}
	})
}

// TestCommandOfEach: every command tells for whom it is.
func TestCommandOfEach(t *testing.T) {
	for _, e := range []Effect{
		Start{Node: 3, Assignment: Assignment{Epoch: 7}}, Connect{Node: 3, Epoch: 7}, Run{3, 7}, Mark{Node: 3, Epoch: 7}, Trim{Node: 3, Epoch: 7},
		Relink{Node: 3, Epoch: 7}, Adopt{Node: 3, Epoch: 7}, Admit{Node: 3, Epoch: 7}, Activated{Node: 3, Epoch: 7}, Stop{3, 7},
	} {
		if node, epoch, ok := Command(e); node != 3 || epoch != 7 || !ok {
			t.Errorf("%T: node %d of epoch %d, %v", e, node, epoch, ok)
		}
	}
	if _, _, ok := Command(Kill{Node: 3}); ok {
		t.Error("Kill is no command to a worker")
	}
}
