package replica

import (
	"errors"
	"slices"
	"testing"
)

// A member whose link is not there yet, or has broken, is not lost: it is asked once another could not give what it has.
func TestLinksSayNothingOfTheLost(t *testing.T) {
	one, two := Member{1, 1}, Member{2, 1}
	k := NewKeeper(Member{0, 2}, 2, Set{Version: 1, Life: 1, Members: []Member{one, two}}, []Member{one, two})
	if a, err := k.Begin(); err != nil || a.Seal != one {
		t.Fatalf("begin: %+v, %v, want node 1 sealed", a, err)
	}
	k.Living([]Member{one})
	if a, err := k.Sealed(one, 2, nil); err != nil || a.Take != one {
		t.Fatalf("node 1 is sealed: %+v, %v, want its entries taken", a, err)
	}
	a, err := k.Taken(one, 0, ErrMissing)
	if err != nil || a.Seal != two {
		t.Fatalf("node 1 is damaged, node 2 not linked: %+v, %v, want node 2 sealed", a, err)
	}
	k.Living(nil)
	if _, err := k.Sealed(two, 0, ErrGone); !errors.Is(err, ErrLost) {
		t.Fatalf("node 2 is gone, too: %v, want %v", err, ErrLost)
	}
}

// keepingOne is a keeper whose set of node 1 is active, and has five entries; node 2 has none.
func keepingOne(t *testing.T) (k *Keeper, copied func(Member) (uint64, bool)) {
	t.Helper()
	one, two := Member{1, 1}, Member{2, 1}
	copied = func(m Member) (uint64, bool) { return map[Member]uint64{one: 5}[m], true }
	k = NewKeeper(Member{0, 1}, 1, Set{}, []Member{one, two})
	if _, err := k.Begin(); err != nil {
		t.Fatal(err)
	}
	a := k.Step(copied)
	if _, err := k.Activated(a.Propose); err != nil || !slices.Equal(k.Active().Members, []Member{one}) {
		t.Fatalf("active is %+v, %v, want node 1", k.Active(), err)
	}
	if k.Step(copied); k.Durable() != 5 {
		t.Fatalf("%d entries are durable, want 5", k.Durable())
	}
	return k, copied
}

// A member that comes back before another has everything goes on: an image need not be sent to the other.
func TestMemberThatComesBackStays(t *testing.T) {
	one, two := Member{1, 1}, Member{2, 1}
	k, copied := keepingOne(t)
	k.Living([]Member{two})
	if a := k.Step(copied); !slices.Equal(a.Peers, []Member{two, one}) || a.Propose.Version != 0 {
		t.Fatalf("node 1 is not linked: %+v, want copies at node 2, too", a)
	}
	k.Living([]Member{one, two})
	if a := k.Step(copied); !slices.Equal(a.Peers, []Member{one}) || a.Propose.Version != 0 {
		t.Fatalf("node 1 is back: %+v, want copies there alone", a)
	}
	if a := k.Step(copied); a.Peers != nil || a.Propose.Version != 0 {
		t.Fatalf("nothing has changed: %+v, want nothing", a)
	}
}

// A slow member that comes back does not.
func TestSlowMemberDoesNotComeBack(t *testing.T) {
	one, two := Member{1, 1}, Member{2, 1}
	k, copied := keepingOne(t)
	k.Slow(one)
	for range 2 {
		if a := k.Step(copied); a.Peers != nil && !slices.Equal(a.Peers, []Member{two, one}) || !slices.Equal(k.target, []Member{two}) {
			t.Fatalf("node 1 is slow: %+v, want node 2 in its place", a)
		}
		k.Living([]Member{one, two})
	}
}
