package shuffle

import (
	"errors"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// dropping is an edge to a node whose frames of ticks 1 to 10 are kept.
func dropping(life frame.Incarnation, keep Keep) *outgoing {
	x := &Exchange{cfg: ExchangeConfig{Retain: true, Incarnation: life}, edges: []Edge{{Policy: Policy{Keep: keep}}}}
	o := &outgoing{x: x, to: 1}
	o.mu.queues, o.mu.ids, o.mu.kept, o.mu.sent = []*netio.Queue{{}}, []frame.EdgeID{0}, make([]kept, 1), make(resends, 1)
	x.peers = []*outgoing{nil, o}
	o.mu.kept[0].trim(0) // what a life is told when it begins
	for t := frame.Tick(1); t <= 10; t++ {
		r := netio.Ref{Tick: t, Last: t, Type: frame.Close}
		o.mu.queues[0].Push(r)
		o.mu.kept[0].add(r)
	}
	return o
}

func (o *outgoing) mustGrant(t *testing.T, typ wire.Type, g wire.Grant) {
	t.Helper()
	if err := o.grant(typ, g); err != nil {
		t.Fatal(err)
	}
}

func TestDropsOnlyWhatTheReceiverHas(t *testing.T) {
	o := dropping(1, Recompute)
	if o.x.DropEarly() {
		t.Error("dropped without a session")
	}
	o.mustGrant(t, wire.TypeAttach, wire.Grant{Session: 1, Closed: 4, Open: 5})
	if !o.x.DropEarly() || len(o.mu.kept[0].refs) != 6 || o.mu.kept[0].dropped != 4 {
		t.Errorf("%d kept, %+v", len(o.mu.kept[0].refs), o.mu.kept[0].drops)
	}
	if o.x.DropEarly() {
		t.Error("dropped once more")
	}
	o.Detach(nil)
	o.mustGrant(t, wire.TypeAttach, wire.Grant{Session: 2, Closed: 4, Open: 5}) // the same life again
	o.Detach(nil)
	if err := o.grant(wire.TypeAttach, wire.Grant{Session: 3, Closed: 3, Open: 4}); !errors.Is(err, ErrDropped) {
		t.Errorf("a new life that asks for what was dropped: %v", err)
	}
}

func TestOtherPoliciesDropNothing(t *testing.T) {
	for _, keep := range []Keep{Retain, Replicate, Persist} {
		o := dropping(1, keep)
		o.mustGrant(t, wire.TypeAttach, wire.Grant{Session: 1, Closed: 9, Open: 10})
		if o.x.DropEarly() || len(o.mu.kept[0].refs) != 10 {
			t.Errorf("%v: %d kept, want 10", Policy{Keep: keep}, len(o.mu.kept[0].refs))
		}
	}
}

// A later life keeps everything until need has passed what it was when the life began.
func TestLaterLifeDropsWhenNeedRises(t *testing.T) {
	o := dropping(2, Recompute)
	o.mustGrant(t, wire.TypeAttach, wire.Grant{Session: 1, Closed: 8, Open: 9})
	if o.x.DropEarly() {
		t.Error("dropped before need rose")
	}
	o.mu.kept[0].trim(0)
	if o.x.DropEarly() {
		t.Error("dropped although need is what it was")
	}
	o.mu.kept[0].trim(2)
	if !o.x.DropEarly() || o.mu.kept[0].dropped != 8 || len(o.mu.kept[0].refs) != 2 {
		t.Errorf("%d kept, %+v", len(o.mu.kept[0].refs), o.mu.kept[0].drops)
	}
}
