package replica

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// The model: one journal, whose owner is replaced while its former lives may go on (node 0), a few peers that lose everything now and then, and a store. Owners are real Keepers, Tails and Senders,
// peers real Holders. What crosses the network is one step when nothing can come in between that matters, and two where something can: acknowledgements and activations are on
// their way for as long as the search likes. All orders of steps are tried, up to a number of lives and ticks.

const journalOwner = frame.NodeID(0)

// modelConfig bounds a search.
type modelConfig struct {
	k, peers int
	lives    frame.Incarnation // of the owner
	losses   int               // of peers
	ticks    frame.Tick
	steps    int
	broken   canary
	noSwap   bool // the store takes every activation (J6)
}

// modelOwner is one life of the owner. It reads the store and begins when it is made; it may go on when there is a later one.
type modelOwner struct {
	*Keeper
	tail    *Tail
	senders map[Member]*Sender
	acks    map[Member]uint64 // on their way
	knows   map[Member]bool   // promised
	content []content         // by number, from 1
	closed  uint64
	answer  *Set // of the store, on its way
	sent    *Set // proposal on its way
	ask     Action
	over    bool // lost or fenced
}

// content is what a life cut into a tick.
type content struct {
	tick frame.Tick
	cut  frame.Incarnation
}

type modelPeer struct {
	Member
	*Holder
}

type modelWorld struct {
	cfg    modelConfig
	store  Set
	owners []*modelOwner
	peers  []*modelPeer
	losses int
	first  map[frame.Tick]frame.Incarnation // who closed it first: whose content it was
	bad    string
}

var journalStream = Stream{Kind: Journal, Owner: journalOwner, ID: 1}

func newModel(cfg modelConfig) *modelWorld {
	w := &modelWorld{cfg: cfg, first: map[frame.Tick]frame.Incarnation{}}
	for i := range cfg.peers {
		w.peers = append(w.peers, &modelPeer{Member{frame.NodeID(i + 1), 1}, NewHolder(1 << 20)})
	}
	w.begin()
	return w
}

func (w *modelWorld) living() (all []Member) {
	for _, p := range w.peers {
		all = append(all, p.Member)
	}
	return all
}

func (w *modelWorld) peer(m Member) *modelPeer {
	if p := w.peers[m.Node-1]; p.Member == m {
		return p
	}
	return nil
}

// begin starts a life of the owner.
func (w *modelWorld) begin() {
	life := frame.Incarnation(len(w.owners) + 1)
	o := &modelOwner{Keeper: NewKeeper(Member{journalOwner, life}, w.cfg.k, w.store, w.living()), tail: NewTail(journalStream, life, 1<<20),
		senders: map[Member]*Sender{}, acks: map[Member]uint64{}, knows: map[Member]bool{}}
	o.broken = w.cfg.broken
	w.owners = append(w.owners, o)
	a, err := o.Begin()
	w.act(o, a, err)
}

// act does what a keeper wants.
func (w *modelWorld) act(o *modelOwner, a Action, err error) {
	if err != nil {
		o.over = true
		return
	}
	if a.Seal != (Member{}) || a.Take != (Member{}) {
		o.ask = a
	}
	for _, m := range a.Peers {
		if o.senders[m] == nil {
			o.senders[m] = NewSender(o.tail, 1<<20)
		}
	}
	if a.Propose.Version != 0 {
		o.sent = &a.Propose
	}
}

// settle lets a keeper look, and closes what is durable.
func (w *modelWorld) settle(o *modelOwner) {
	w.act(o, o.Step(func(m Member) (uint64, bool) {
		if s := o.senders[m]; s != nil {
			return s.acked, o.knows[m]
		}
		return 0, false
	}), nil)
	for o.closed < min(o.Durable(), uint64(len(o.content))) {
		c := o.content[o.closed]
		o.closed++
		if by, ok := w.first[c.tick]; ok && by != c.cut {
			w.bad = fmt.Sprintf("I1: tick %d was closed as life %d cut it, and is closed as life %d cut it", c.tick, by, c.cut)
		}
		w.first[c.tick] = c.cut
	}
}

func (o *modelOwner) append(c content) {
	o.content = append(o.content, c)
	if _, err := o.tail.Append(c.tick, []byte{byte(c.cut)}); err != nil {
		panic(err)
	}
}

// modelStep is something that can happen.
type modelStep struct {
	format string
	args   []any
	do     func(w *modelWorld)
}

func (s modelStep) String() string { return fmt.Sprintf(s.format, s.args...) }

// steps lists all that can happen. Their order is the same in equal worlds, so that a number names one.
func (w *modelWorld) steps() (all []modelStep) {
	add := func(do func(w *modelWorld), format string, args ...any) {
		all = append(all, modelStep{format, args, do})
	}
	for i, o := range w.owners {
		if o.over {
			continue
		}
		w.ownerSteps(i, add)
	}
	if n := len(w.owners); n < int(w.cfg.lives) {
		add(func(w *modelWorld) { w.begin() }, "life %d begins", n+1)
	}
	for i, p := range w.peers {
		if w.losses < w.cfg.losses {
			add(func(w *modelWorld) { w.lose(i) }, "%v ends", p.Member)
		}
	}
	return all
}

func (w *modelWorld) ownerSteps(i int, add func(func(*modelWorld), string, ...any)) {
	o := w.owners[i]
	who := i + 1
	step := func(f func(w *modelWorld, o *modelOwner)) func(*modelWorld) {
		return func(w *modelWorld) {
			f(w, w.owners[i])
			if o := w.owners[i]; !o.over {
				w.settle(o)
			}
		}
	}
	switch {
	case o.ask.Seal != (Member{}):
		add(step((*modelWorld).seal), "life %d seals at %v", who, o.ask.Seal)
	case o.ask.Take != (Member{}):
		add(step((*modelWorld).take), "life %d takes from %v", who, o.ask.Take)
	case frame.Tick(len(o.content)) < w.cfg.ticks && !o.Taking():
		add(step(func(_ *modelWorld, o *modelOwner) { o.append(content{frame.Tick(len(o.content) + 1), o.self.Life}) }), "life %d cuts tick %d", who, len(o.content)+1)
	}
	if !slices.Equal(o.living, w.living()) {
		add(step(func(w *modelWorld, o *modelOwner) { o.Living(w.living()) }), "life %d hears of the peers", who)
	}
	if o.sent != nil {
		add(step((*modelWorld).swap), "the store hears of set %d of life %d", o.sent.Version, who)
	}
	if o.answer != nil {
		add(step(func(w *modelWorld, o *modelOwner) {
			a, err := o.Activated(*o.answer)
			o.answer = nil
			w.act(o, a, err)
		}), "life %d hears what is active", who)
	}
	for _, p := range w.peers {
		m := p.Member
		s := o.senders[m]
		if s == nil {
			continue
		}
		if !s.ready {
			add(step(func(w *modelWorld, o *modelOwner) { w.open(o, m) }), "life %d opens at %v", who, m)
		} else if s.sent < s.tail.last {
			add(step(func(w *modelWorld, o *modelOwner) { w.copy(o, m) }), "life %d copies to %v", who, m)
		}
		if n, ok := o.acks[m]; ok && n > s.acked {
			add(step(func(_ *modelWorld, o *modelOwner) {
				if err := o.senders[m].Copied(o.acks[m]); err != nil {
					panic(err)
				}
			}), "life %d hears of %d from %v", who, n, m)
		}
	}
}

func (w *modelWorld) seal(o *modelOwner) {
	m := o.ask.Seal
	o.ask = Action{}
	promised, err := frame.Incarnation(0), ErrGone
	if p := w.peer(m); p != nil {
		var h wire.Held
		h, err = p.Promise(journalStream, wire.Promise{Stream: journalStream.wire(), Incarnation: o.self.Life, Life: o.active.Life})
		promised = h.Promised
	}
	a, err := o.Sealed(m, promised, err)
	w.act(o, a, err)
}

func (w *modelWorld) take(o *modelOwner) {
	m := o.ask.Take
	o.ask = Action{}
	n, err := uint64(0), ErrGone
	if p := w.peer(m); p != nil {
		life := o.active.Life
		if p.find(journalStream, life) == nil && w.cfg.broken != none {
			life = 0 // an empty peer, or another than was asked for, has no entries of that life
		}
		err = nil
		p.Read(journalStream, wire.Fetch{Stream: journalStream.wire(), Life: life, MaxBytes: 1 << 20}, func(e *wire.Entry, b []byte) {
			if e.Flags&wire.FlagEnd == 0 {
				n++
				o.append(content{e.Tick, frame.Incarnation(b[0])})
			}
		})
	}
	a, err := o.Taken(m, n, err)
	w.act(o, a, err)
}

func (w *modelWorld) swap(o *modelOwner) {
	s := *o.sent
	o.sent = nil
	if w.cfg.noSwap || s.Version == w.store.Version+1 {
		w.store = s
	}
	now := w.store
	o.answer = &now
}

func (w *modelWorld) open(o *modelOwner, m Member) {
	h, err := w.peer(m).Promise(journalStream, wire.Promise{Stream: journalStream.wire(), Incarnation: o.self.Life, Life: o.self.Life})
	if err != nil {
		panic(err)
	}
	if h.Promised > o.self.Life {
		o.over = true
		return
	}
	if err := o.senders[m].Resume(h.Last, h.Promised); err != nil {
		panic(err)
	}
	o.knows[m] = true
}

func (w *modelWorld) copy(o *modelOwner, m Member) {
	k, gap := o.senders[m].next()
	e := wire.Entry{Stream: journalStream.wire(), Life: o.self.Life, Number: k.number, Prev: o.senders[m].took(k, gap), Tick: k.tick, Sum: k.sum}
	taken, err := w.peer(m).Copy(journalStream, &e, k.bytes)
	if err != nil {
		panic(err)
	}
	if !taken {
		o.over = true // it is told that it is fenced
		return
	}
	o.acks[m] = k.number
}

// lose ends a peer's process, and begins the next, which is empty.
func (w *modelWorld) lose(i int) {
	old := w.peers[i].Member
	w.peers[i] = &modelPeer{Member{old.Node, old.Life + 1}, NewHolder(1 << 20)}
	w.losses++
	for _, o := range w.owners {
		delete(o.senders, old)
		delete(o.acks, old)
	}
}

// print tells worlds apart: equal ones have an equal future.
type print []byte

func (p *print) add(vs ...uint64) {
	for _, v := range vs {
		*p = binary.AppendUvarint(*p, v)
	}
}

func (p *print) flag(b bool) {
	if b {
		p.add(1)
	} else {
		p.add(0)
	}
}

func (p *print) members(all ...Member) {
	p.add(uint64(len(all)))
	for _, m := range all {
		p.add(uint64(m.Node), uint64(m.Life))
	}
}

func (p *print) set(s Set) {
	p.add(s.Version, uint64(s.Life))
	p.members(s.Members...)
}

func (p *print) owner(o *modelOwner, peers []*modelPeer) {
	if p.flag(o.over); o.over {
		return
	}
	p.set(o.active)
	p.set(o.proposed)
	for _, all := range [][]Member{o.living, o.failed, o.target, {o.asking, o.ask.Seal, o.ask.Take}} {
		p.members(all...)
	}
	p.add(uint64(o.state), o.taken, o.durable, o.closed, uint64(len(o.content)))
	for _, c := range o.content {
		p.add(uint64(c.tick), uint64(c.cut))
	}
	for _, s := range []*Set{o.sent, o.answer} {
		if p.flag(s != nil); s != nil {
			p.set(*s)
		}
	}
	for _, q := range peers {
		s := o.senders[q.Member]
		if p.flag(s != nil); s != nil {
			p.flag(s.ready)
			p.flag(o.knows[q.Member])
			p.add(s.sent, s.acked, o.acks[q.Member])
		}
	}
}

func (w *modelWorld) print() string {
	var p print
	p.set(w.store)
	p.add(uint64(w.losses), uint64(len(w.owners)))
	for _, o := range w.owners {
		p.owner(o, w.peers)
	}
	for _, q := range w.peers {
		p.members(q.Member)
		st := q.streams[journalStream]
		if p.flag(st != nil); st == nil {
			continue
		}
		p.add(uint64(st.promised), uint64(len(st.lives)))
		for _, l := range st.lives {
			p.add(uint64(l.life), l.last, uint64(len(l.entries)))
			for _, e := range l.entries {
				p.add(uint64(e.tick), uint64(e.bytes[0]))
			}
		}
	}
	for t := frame.Tick(1); t <= w.cfg.ticks; t++ {
		p.add(uint64(w.first[t]))
	}
	return string(p)
}

// replay makes the world that a path leads to.
func (cfg modelConfig) replay(path []byte) *modelWorld {
	w := newModel(cfg)
	for _, n := range path {
		w.steps()[n].do(w)
	}
	return w
}

// story is a path in words.
func (cfg modelConfig) story(path []byte) string {
	w := newModel(cfg)
	var names []string
	for _, n := range path {
		s := w.steps()[n]
		names = append(names, s.String())
		s.do(w)
	}
	return strings.Join(names, "\n")
}

// search tries all orders of steps. It returns the shortest path that ends badly, and how many worlds it has seen.
func (cfg modelConfig) search() (path []byte, bad string, seen int) {
	known := map[string]bool{}
	frontier := [][]byte{nil}
	for depth := 0; depth < cfg.steps && len(frontier) > 0; depth++ {
		var next [][]byte
		for _, path := range frontier {
			for n := range cfg.replay(path).steps() {
				one := append(slices.Clip(path), byte(n))
				w := cfg.replay(one)
				if w.bad != "" {
					return one, w.bad, len(known)
				}
				if p := w.print(); !known[p] {
					known[p] = true
					next = append(next, one)
				}
			}
		}
		frontier = next
	}
	return nil, "", len(known)
}

// No order of steps lets two contents be closed for a tick.
func TestModelCutsOnce(t *testing.T) {
	for _, cfg := range []modelConfig{
		{k: 1, peers: 2, lives: 2, losses: 1, ticks: 1, steps: 30},
		{k: 1, peers: 1, lives: 3, losses: 1, ticks: 1, steps: 14},
		{k: 2, peers: 2, lives: 2, losses: 1, ticks: 1, steps: 12},
		{k: 1, peers: 2, lives: 2, losses: 0, ticks: 2, steps: 30},
	} {
		path, bad, seen := cfg.search()
		t.Logf("%+v: %d states", cfg, seen)
		if bad != "" {
			t.Errorf("%+v: %s:\n%s", cfg, bad, cfg.story(path))
		}
	}
}

// Each rule of source journals, left out, ends with two contents for a tick (J1 to J6 of the protocol).
func TestModelCanaries(t *testing.T) {
	for name, cfg := range map[string]modelConfig{
		"J1 no seal":              {k: 1, peers: 1, lives: 2, ticks: 1, broken: j1},
		"J2 an empty peer counts": {k: 1, peers: 1, lives: 2, losses: 1, ticks: 1, broken: j2},
		"J3 activate before copy": {k: 1, peers: 1, lives: 2, losses: 1, ticks: 1, broken: j3},
		"J4 one ack suffices":     {k: 2, peers: 2, lives: 2, ticks: 1, broken: j4},
		"J5 any peer's log":       {k: 1, peers: 2, lives: 2, losses: 1, ticks: 1, broken: j5},
		"J6 no compare-and-swap":  {k: 1, peers: 2, lives: 2, losses: 1, ticks: 1, noSwap: true},
	} {
		cfg.steps = 20
		path, bad, seen := cfg.search()
		if bad == "" {
			t.Errorf("%s: not caught in %d states", name, seen)
			continue
		}
		t.Logf("%s: %s after %d steps, %d states:\n%s", name, bad, len(path), seen, cfg.story(path))
	}
}
