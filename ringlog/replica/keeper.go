package replica

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Set is the active set of a stream that is no Log, as it is committed: the copies of a life's entries that its members have are the stream. All of them.
type Set struct {
	Version uint64 // rises by one with every activation, which is a compare-and-swap; 0: there never was one
	// Life whose entries they are. Without members there is nothing to take over: there never was a set, or what it had was given up.
	Life    frame.Incarnation
	Members []Member
}

func (s Set) equal(t Set) bool {
	return s.Version == t.Version && s.Life == t.Life && slices.Equal(s.Members, t.Members)
}

var (
	// ErrFenced means that another life of the owner has taken over.
	ErrFenced = errors.New("another life has taken over")
	// ErrLost means that no member of the active set is left: what they kept is gone.
	ErrLost = errors.New("all peers that kept it are lost")
)

// Keeper decides for one life of a stream's owner who keeps the copies (PROTOCOL T7, F12). It first takes over what the active set has: it seals one
// member and takes its entries. It then copies them to members of its own and activates these. From then on a record is durable once all members have it, and
// members that are lost are replaced, with another activation.
//
// Invariants:
//   - it proposes a set only when all its members have everything that was taken over or was ever durable
//   - while an activation is under way, durable is what the members of both sets have
type Keeper struct {
	self     Member
	k        int
	active   Set
	told     []Member // the peers there were when this life began: who was not is lost. Links come and go, and say nothing of that
	living   []Member
	state    keeperState
	failed   []Member // were asked for what they have, in vain
	slow     []Member // others take their place, where there are enough
	asking   Member
	taken    uint64 // entries of the lives before
	target   []Member
	proposed Set // Version 0: none
	durable  uint64
	broken   canary
}

type keeperState uint8

const (
	sealing keeperState = iota
	taking
	copying // no set of this life is active
	keeping
	dead
)

// canary is a rule left out on purpose, for tests.
type canary uint8

const (
	none canary = iota
	j1          // no seal
	j2          // an empty peer counts
	j3          // activate before copy
	j4          // one acknowledgement suffices
	j5          // any peer's entries
	r1          // a Log forgets what its peers have
	r2          // what lies damaged at its owner is sent again and again
	r3          // a holder takes what does not follow
)

// Action is what a Keeper wants done. Fields that are not set ask for nothing.
type Action struct {
	Seal    Member   // have it promise and tell what it has of the active set's life, then call Sealed
	Take    Member   // append its entries of the active set's life to the own stream, then call Taken
	Peers   []Member // who is to have copies from now on
	Propose Set      // to be activated if the active set still has the version before; then call Activated
}

// NewKeeper is for a life that found an active set in the store, and is to have k members. living are the peers there are: members of the active set that are not among them
// are lost.
func NewKeeper(self Member, k int, active Set, living []Member) *Keeper {
	return &Keeper{self: self, k: k, active: active, told: slices.Clone(living), living: slices.Clone(living)}
}

// Begin is called first. The error wraps ErrLost.
func (k *Keeper) Begin() (Action, error) {
	if len(k.active.Members) == 0 {
		k.state = copying
		return Action{}, nil
	}
	return k.ask()
}

// ask asks the next member of the active set.
func (k *Keeper) ask() (Action, error) {
	for _, m := range k.holders() {
		if slices.Contains(k.failed, m) {
			continue
		}
		k.asking, k.state = m, sealing
		if k.broken == j1 {
			k.state = taking
			return Action{Take: m}, nil
		}
		return Action{Seal: m}, nil
	}
	k.state = dead
	return Action{}, fmt.Errorf("%w: %v", ErrLost, k.active.Members)
}

// holders are the members of the active set that are not lost.
func (k *Keeper) holders() (all []Member) {
	for _, m := range k.told {
		same := func(h Member) bool { return h == m || k.broken == j2 && h.Node == m.Node || k.broken == j5 }
		if slices.ContainsFunc(k.active.Members, same) {
			all = append(all, m)
		}
	}
	return all
}

// Sealed is the answer to a Seal: what the member has promised, or why it does not answer. The error wraps ErrFenced or ErrLost.
func (k *Keeper) Sealed(m Member, promised frame.Incarnation, err error) (Action, error) {
	if k.state != sealing || m != k.asking {
		return Action{}, nil
	}
	if err != nil {
		k.failed = append(k.failed, m)
		return k.ask()
	}
	if promised > k.self.Life {
		k.state = dead
		return Action{}, fmt.Errorf("%w: %v promised life %d, this is %d", ErrFenced, m, promised, k.self.Life)
	}
	k.state = taking
	return Action{Take: m}, nil
}

// Taken says that so many entries of a member are in the own stream now, all it had; or why not, and then none are. The error wraps ErrLost.
func (k *Keeper) Taken(m Member, entries uint64, err error) (Action, error) {
	if k.state != taking || m != k.asking {
		return Action{}, nil
	}
	if err != nil {
		k.failed = append(k.failed, m)
		return k.ask()
	}
	k.taken, k.state = entries, copying
	return Action{}, nil
}

// Living says which peers are linked now. Of those who are asked for what former lives left none is lost for not being.
func (k *Keeper) Living(peers []Member) { k.living = slices.Clone(peers) }

// Slow says that a member is linked, and does not keep up. It is replaced as if it were lost, by others that are not slow; fewer do not do.
func (k *Keeper) Slow(m Member) {
	if !k.isSlow(m) {
		k.slow = append(k.slow, m)
	}
}

func (k *Keeper) isSlow(m Member) bool { return slices.Contains(k.slow, m) }

// Step is called when anything has changed: copied says up to which number a peer has copies, and whether it has promised to keep any.
func (k *Keeper) Step(copied func(Member) (uint64, bool)) (a Action) {
	if k.state != copying && k.state != keeping {
		return a
	}
	k.advance(copied)
	if k.proposed.Version != 0 {
		return a
	}
	if !k.whole(k.target) || k.quicker() || k.back() {
		target := k.choose()
		if target == nil {
			return a // it waits: fewer members are not enough
		}
		k.target = target
		a.Peers = k.peers()
	}
	if k.state == keeping && slices.Equal(k.target, k.active.Members) {
		return a
	}
	for _, m := range k.target {
		if n, ok := copied(m); !ok || n < max(k.taken, k.durable) && k.broken != j3 {
			return a
		}
	}
	k.proposed = Set{Version: k.active.Version + 1, Life: k.self.Life, Members: k.target}
	a.Propose = k.proposed
	return a
}

// whole tells whether a set can be, or stay, active.
func (k *Keeper) whole(set []Member) bool {
	for _, m := range set {
		if !slices.Contains(k.living, m) {
			return false
		}
	}
	return len(set) == k.k
}

// quicker tells whether a slow one of the target can be replaced by one that is not.
func (k *Keeper) quicker() bool {
	spare := func(m Member) bool { return m.Node != k.self.Node && !k.isSlow(m) && !slices.Contains(k.target, m) }
	return slices.ContainsFunc(k.target, k.isSlow) && slices.ContainsFunc(k.living, spare)
}

// back tells whether the active set is whole again before another was: it has everything, and the other would have to be sent it.
func (k *Keeper) back() bool {
	return k.state == keeping && !slices.Equal(k.target, k.active.Members) && k.whole(k.active.Members) && !slices.ContainsFunc(k.active.Members, k.isSlow)
}

// choose takes the members of the active set that are there, those next in number to the owner, and then slow ones; nil if there are too few.
func (k *Keeper) choose() []Member {
	var set, others, slow []Member
	for _, m := range k.living {
		if k.isSlow(m) && m.Node != k.self.Node {
			slow = append(slow, m)
		} else if k.state == keeping && slices.Contains(k.active.Members, m) {
			set = append(set, m)
		} else if m.Node != k.self.Node {
			others = append(others, m)
		}
	}
	slices.SortFunc(others, func(a, b Member) int {
		return int(int64(uint32(a.Node-k.self.Node)) - int64(uint32(b.Node-k.self.Node)))
	})
	set = append(append(set, others...), slow...)
	if len(set) < k.k {
		return nil
	}
	set = set[:k.k]
	slices.SortFunc(set, func(a, b Member) int { return int(int64(a.Node) - int64(b.Node)) })
	return set
}

// peers are those of the set that is to be, and of the one that is.
func (k *Keeper) peers() []Member {
	all := slices.Clone(k.target)
	if k.state == keeping {
		for _, m := range k.active.Members {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// Activated says what the store has. The error wraps ErrFenced if that is neither what was proposed nor what was known.
func (k *Keeper) Activated(s Set) (Action, error) {
	switch {
	case k.proposed.Version != 0 && s.equal(k.proposed):
		k.active, k.proposed, k.state = s, Set{}, keeping
		return Action{Peers: k.peers()}, nil
	case s.Version <= k.active.Version:
		return Action{}, nil
	}
	k.state = dead
	return Action{}, fmt.Errorf("%w: set %d of life %d is active, this is life %d", ErrFenced, s.Version, s.Life, k.self.Life)
}

// advance computes what is durable.
func (k *Keeper) advance(copied func(Member) (uint64, bool)) {
	if k.state != keeping {
		return
	}
	least, most := ^uint64(0), uint64(0)
	for _, set := range [][]Member{k.active.Members, k.proposed.Members} {
		for _, m := range set {
			n, _ := copied(m)
			least, most = min(least, n), max(most, n)
		}
	}
	if k.broken == j4 {
		least = most
	}
	k.durable = max(k.durable, least)
}

// Durable is the number up to which all members of the active set have the entries of this life.
func (k *Keeper) Durable() uint64 { return k.durable }

// Taking tells whether what the lives before have left is not there yet.
func (k *Keeper) Taking() bool { return k.state == sealing || k.state == taking }

// Active is the set that is active, as far as is known.
func (k *Keeper) Active() Set { return k.active }
