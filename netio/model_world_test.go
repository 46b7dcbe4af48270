package netio

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// The model of PROTOCOL F14 to F16: two source tasks S0 and S1 on one core write one log; one link; a consumer reads, per tick, all of S0
// before S1, and executes the tick when both have closed it. Every frame has length 1 and so, in the small, has the window. The search
// takes every order of every step. Queue and Receiver are the real ones. A canary breaks one rule, and then the search must find a deadlock.
type rules struct {
	edges  int    // 1: both sources feed one edge; 2: one each
	frames [2]int // of a source per tick
	early  bool   // S0 has rows in tick 1 only and closes the rest with it, as a range
	cut    bool   // the connection may be cut, once

	noI16       bool // broken: admission is the window alone
	noOpen      bool // broken: I17, nothing is entitled
	oneWindow   bool // broken: I17, and the edges share one window
	strictOrder bool // broken: frames leave in log order
	closeByLast bool // broken: a CLOSE of a range waits for the rows of its last tick
}

const (
	modelTicks  = 2
	modelWindow = 1
	modelFlight = 2 // ticks of all sources together that may be open and not drained, beyond I16
)

// world is a state of the model.
type world struct {
	rules   *rules
	wrote   [2]int // frames the source wrote
	shut    [2]int // ticks the source closed
	queues  []*Queue
	order   []orderRef // everything unsent in log order, for strictOrder
	pos     frame.Pos
	credit  *Receiver
	forward []modelFrame
	back    []modelGrant
	held    []modelFrame // arrived, not read
	read    [2]int       // frames of the open tick that were read
	closes  [2]int       // ticks closed by what arrived
	done    int          // ticks executed
	cuts    int
}

type modelFrame struct {
	Ref
	begin wire.Begin
	src   int
}

type orderRef struct {
	queue int
	ref   Ref
}

type modelGrant struct {
	wire.Grant
	attach bool
}

func (r *rules) edge(src int) frame.EdgeID {
	if r.oneWindow || r.edges == 1 {
		return 0
	}
	return frame.EdgeID(src)
}

// ends is the last tick that a source has rows in.
func (r *rules) ends(src int) int {
	if src == 0 && r.early {
		return 1
	}
	return modelTicks
}

// tick is the one that the source writes.
func (w *world) tick(src int) int { return w.shut[src] + 1 }

// complete tells whether the source wrote all rows of its tick.
func (w *world) complete(src int) bool { return w.wrote[src] == w.rules.frames[src]*w.tick(src) }

func newWorld(r *rules) *world {
	w := &world{rules: r}
	var edges []frame.EdgeID
	for src := range 2 {
		if id := r.edge(src); !slices.Contains(edges, id) {
			edges = append(edges, id)
			w.queues = append(w.queues, &Queue{})
		}
	}
	w.credit = NewReceiver(modelWindow, edges)
	w.setOpen()
	w.credit.Attach()
	w.speak()
	return w
}

func (w *world) setOpen() {
	if w.rules.noOpen || w.rules.oneWindow {
		return
	}
	for _, e := range w.credit.edges {
		w.credit.SetOpen(e.now.Edge, frame.Tick(w.done+1))
	}
}

// speak puts what the receiver has to say on the way back.
func (w *world) speak() {
	attaches, credits := decodeAll(w.credit.Messages(nil))
	for _, g := range attaches {
		w.back = append(w.back, modelGrant{g, true})
	}
	for _, g := range credits {
		w.back = append(w.back, modelGrant{g, false})
	}
}

func decodeAll(b []byte) (attaches, credits []wire.Grant) {
	return said(fatal{}, b)
}

type fatal struct{}

func (fatal) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (w *world) clone() *world {
	c := *w
	c.queues = nil
	for _, q := range w.queues {
		d := *q
		d.buckets = nil
		for _, b := range q.buckets {
			b.refs = slices.Clone(b.refs)
			d.buckets = append(d.buckets, b)
		}
		d.ranges, d.spare = slices.Clone(q.ranges), nil
		c.queues = append(c.queues, &d)
	}
	r := *w.credit
	r.edges, r.attaches, r.credits = slices.Clone(r.edges), nil, nil
	c.credit = &r
	c.order, c.forward, c.back, c.held = slices.Clone(w.order), slices.Clone(w.forward), slices.Clone(w.back), slices.Clone(w.held)
	return &c
}

// key tells states apart; positions do not, only their order does.
func (w *world) key() string {
	var b []byte
	add := func(vs ...int) {
		for _, v := range vs {
			b = binary.AppendVarint(b, int64(v))
		}
	}
	ref := func(r Ref) { add(int(r.Log), int(r.Type), int(r.Tick), int(r.Last)) }
	grant := func(g wire.Grant) {
		add(int(g.Edge), int(g.Session), int(g.Open), int(g.AllowedBytes), int(g.Closed))
	}
	flag := func(v bool) { b = strconv.AppendBool(b, v) }
	add(w.wrote[:]...)
	add(w.shut[:]...)
	add(w.read[:]...)
	add(w.closes[:]...)
	add(w.done, w.cuts)
	if w.rules.strictOrder {
		for _, o := range w.order {
			ref(o.ref)
		}
	}
	for _, fs := range [][]modelFrame{w.forward, w.held} {
		add(len(fs))
		for _, f := range fs {
			ref(f.Ref)
			add(int(f.begin.Edge), int(f.begin.Session))
		}
	}
	add(len(w.back))
	for _, g := range w.back {
		grant(g.Grant)
		flag(g.attach)
	}
	for _, q := range w.queues {
		add(len(q.buckets), q.rangesSent, len(q.ranges), int(q.closed), int(q.sent))
		for _, k := range q.buckets {
			add(int(k.tick), k.next, len(k.refs))
			for _, r := range k.refs {
				ref(r)
			}
		}
		for _, r := range q.ranges {
			ref(r)
		}
		grant(q.grant)
		flag(q.begun)
	}
	for _, e := range w.credit.edges {
		grant(e.now)
		grant(e.granted)
		flag(e.begun)
		add(int(e.accepted-e.base), int(e.accepted-e.released))
	}
	return string(b)
}

// steps returns what can happen, by name.
func (w *world) steps() map[string]func(w *world) {
	s := make(map[string]func(w *world))
	for src := range 2 {
		switch t := w.tick(src); {
		case t > w.rules.ends(src):
		case w.complete(src):
			s[fmt.Sprintf("S%d closes tick %d", src, t)] = func(w *world) { w.close(src) }
		case w.wrote[src] > w.rules.frames[src]*w.shut[src] || w.admitted(t):
			s[fmt.Sprintf("S%d writes in tick %d", src, t)] = func(w *world) { w.write(src) }
		}
	}
	for i := range w.queues {
		if r, ok := w.peek(i); ok {
			what := fmt.Sprintf("%v of tick %d", r.Type, r.Tick)
			if r.Type == 0 {
				what = "BEGIN"
			}
			s[fmt.Sprintf("send %s on edge %d", what, i)] = func(w *world) { w.send(i) }
		}
	}
	if len(w.forward) > 0 {
		s["arrive"] = func(w *world) { w.arrive() }
	}
	if len(w.back) > 0 {
		s["grant"] = func(w *world) { w.grant() }
	}
	if w.readable() >= 0 {
		s["read"] = func(w *world) { w.readOne() }
	}
	if w.executable() {
		s["execute"] = func(w *world) { w.execute() }
	}
	if w.rules.cut && w.cuts == 0 && len(w.forward)+len(w.back) > 0 {
		s["cut"] = func(w *world) { w.cutOff() }
	}
	return s
}

func (w *world) admitted(tick int) bool {
	flight := 0
	for src := range 2 {
		flight += max(0, w.tick(src)-1-w.done) // its own is not open yet
	}
	return flight < modelFlight || (!w.rules.noI16 && tick == w.done+1)
}

func (w *world) push(src int, r Ref) {
	w.pos += 64
	r.Pos, r.Log, r.Len = w.pos, LogID(src), 1
	i := int(w.rules.edge(src))
	w.queues[i].Push(r)
	w.order = append(w.order, orderRef{i, r})
}

func (w *world) write(src int) {
	w.wrote[src]++
	w.push(src, Ref{Tick: frame.Tick(w.tick(src)), Type: frame.Data})
}

func (w *world) close(src int) {
	r := Ref{Tick: frame.Tick(w.tick(src)), Type: frame.Close}
	if w.tick(src) == w.rules.ends(src) {
		r.Last = modelTicks
		if w.rules.closeByLast {
			r.Tick = r.Last
		}
	}
	w.shut[src]++
	w.push(src, r)
}

// peek returns what the sender may send of a queue.
func (w *world) peek(i int) (Ref, bool) {
	q := w.queues[i]
	if _, unmarked := (&Queue{grant: q.grant, begun: q.begun}).Begin(); unmarked {
		return Ref{}, true
	}
	r, ok := q.Peek()
	if ok && w.rules.strictOrder && (w.order[0].queue != i || w.order[0].ref.Pos != r.Pos) {
		return Ref{}, false
	}
	return r, ok
}

func (w *world) send(i int) {
	if b, ok := w.queues[i].Begin(); ok {
		w.forward = append(w.forward, modelFrame{begin: b})
		return
	}
	r, _ := w.queues[i].Next()
	w.order = slices.DeleteFunc(w.order, func(o orderRef) bool { return o.ref.Pos == r.Pos })
	w.forward = append(w.forward, modelFrame{Ref: r, src: int(r.Log)})
}

func (w *world) arrive() {
	f := w.forward[0]
	w.forward = w.forward[1:]
	switch {
	case f.Type == 0:
		must(w.credit.OnBegin(f.begin))
	case f.Type == frame.Data:
		must(w.credit.OnFrame(w.rules.edge(f.src), f.Tick, 1))
		if int(f.Tick) <= w.closes[f.src] {
			panic(fmt.Sprintf("DATA of tick %d behind its CLOSE", f.Tick))
		}
		w.held = append(w.held, f)
	default:
		must(w.credit.Fresh(w.rules.edge(f.src)))
		w.closes[f.src] = max(w.closes[f.src], int(max(f.Tick, f.Last)))
		w.tellClosed()
		w.speak()
	}
}

// tellClosed tells what every source of an edge has closed.
func (w *world) tellClosed() {
	for src := range 2 {
		closed := w.closes[src]
		if w.rules.edges == 1 {
			closed = min(w.closes[0], w.closes[1])
		}
		if !w.rules.oneWindow {
			w.credit.SetClosed(w.rules.edge(src), frame.Tick(closed))
		}
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// wants is the number of frames that the source has in a tick.
func (w *world) wants(src, tick int) int {
	if tick > w.rules.ends(src) {
		return 0
	}
	return w.rules.frames[src]
}

// readable is the index in held of the next row in canonical order, or -1.
func (w *world) readable() int {
	for src := range 2 {
		if w.read[src] < w.wants(src, w.done+1) {
			return slices.IndexFunc(w.held, func(f modelFrame) bool { return int(f.Tick) == w.done+1 && f.src == src })
		}
	}
	return -1
}

func (w *world) readOne() {
	i := w.readable()
	f := w.held[i]
	w.read[f.src]++
	w.held = slices.Delete(w.held, i, i+1)
	w.credit.Released(w.rules.edge(f.src), 1)
	w.speak()
}

func (w *world) executable() bool {
	for src := range 2 {
		if w.closes[src] <= w.done || w.read[src] < w.wants(src, w.done+1) {
			return false
		}
	}
	return true
}

func (w *world) execute() {
	w.done++
	w.read = [2]int{}
	w.setOpen()
	w.speak()
}

// cutOff drops what is of ticks that the receiver has not told to be closed.
func (w *world) cutOff() {
	w.cuts++
	w.forward, w.back = nil, nil
	closed := func(src int) int { return int(w.credit.edge(w.rules.edge(src)).now.Closed) }
	for src := range 2 {
		if closed(src) <= w.done {
			w.read[src] = 0
		}
		w.closes[src] = closed(src)
	}
	w.held = slices.DeleteFunc(w.held, func(f modelFrame) bool {
		if int(f.Tick) <= closed(f.src) {
			return false
		}
		w.credit.Released(w.rules.edge(f.src), 1)
		return true
	})
	for _, q := range w.queues {
		q.Detach()
	}
	w.credit.Attach()
	w.speak()
}

func (w *world) grant() {
	g := w.back[0]
	w.back = w.back[1:]
	if g.attach {
		must(w.queues[g.Edge].Attach(g.Grant))
	} else {
		must(w.queues[g.Edge].Credit(g.Grant))
	}
}
