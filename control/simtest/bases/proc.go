package bases

import (
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// unit is a unit in a process.
type unit struct {
	id       control.Unit
	restored frame.Tick
	exec     frame.Tick
	closed   map[control.Unit]frame.Tick // by producer
	trimmed  map[control.Unit]frame.Tick // by consumer: the log holds what is above it, up to exec
	saving   []frame.Tick
	saved    map[frame.Tick]bool
	unsaved  frame.Tick
}

// proc is a worker process.
type proc struct {
	w        *World
	node     frame.NodeID
	inc      frame.Incarnation
	epoch    control.Epoch
	mail     []control.Effect
	units    []*unit
	peers    map[frame.NodeID]frame.Incarnation
	marks    []frame.Tick
	missed   frame.Tick
	frozen   bool
	started  bool
	running  bool
	finished bool
	// told is the greatest mark that it was told; restored, by stage where it began.
	told     frame.Tick
	restored []frame.Tick
	// offered: it has said hello to a manager that has not adopted it yet.
	offered bool
}

func (p *proc) from() control.From {
	f := control.From{Node: p.node, Epoch: p.epoch, Incarnation: p.inc}
	if p.w.cfg.Broken == R35 { // whoever speaks for a node is taken for the registered one
		f.Incarnation = p.w.stored().Incarnations[p.node]
	}
	return f
}

// manager is the one that the process has, nil while there is none.
func (p *proc) manager() *boss {
	for _, b := range p.w.bosses() {
		if b.epoch == p.epoch {
			return b
		}
	}
	return nil
}

// tell is a message that arrives, and in order, if the manager lives to hear it.
func (p *proc) tell(ev control.Event) {
	if b := p.manager(); b != nil && !p.offered {
		b.inbox = append(b.inbox, ev)
	}
}

// attach says hello to a newer manager than the one that it had. One that does not run yet, or that is not wanted, ends.
func (p *proc) attach() (moved bool) {
	b := p.w.boss
	if b == nil || b.epoch <= p.epoch {
		return false
	}
	if !p.running || (b.life[p.node] != p.inc && p.w.cfg.Broken != R35) {
		p.w.die(p, false)
		return true
	}
	hello := control.Hello{Living: &control.Living{Knew: p.epoch, Addr: "there", Restored: p.restored, Marked: p.told}}
	p.epoch, p.offered = b.epoch, true
	hello.From = p.from()
	hello.Living.Reported = p.report()
	for n := range frame.NodeID(p.w.nodes) {
		peer := control.Peer{Node: n, Incarnation: p.peers[n]}
		if p.w.cfg.Broken == R36 {
			peer.Incarnation = p.w.stored().Incarnations[n]
		}
		hello.Living.Peers = append(hello.Living.Peers, peer)
	}
	b.inbox = append(b.inbox, hello)
	return true
}

// epochOf is the epoch of a command.
func epochOf(cmd control.Effect) control.Epoch {
	switch cmd := cmd.(type) {
	case control.Start:
		return cmd.Assignment.Epoch
	case control.Connect:
		return cmd.Epoch
	case control.Relink:
		return cmd.Epoch
	case control.Run:
		return cmd.Epoch
	case control.Mark:
		return cmd.Epoch
	case control.Trim:
		return cmd.Epoch
	case control.Adopt:
		return cmd.Epoch
	case control.Stop:
		return cmd.Epoch
	}
	return 0
}

// fenced: a later life of the node has taken its files.
func (p *proc) fenced() bool { return p.w.fence[p.node] > p.inc }

// next is the command that comes next: each manager's come in order, but who knows in which order those of two managers do.
func (p *proc) next() int {
	i := slices.IndexFunc(p.mail, func(cmd control.Effect) bool { return epochOf(cmd) != epochOf(p.mail[0]) })
	if i > 0 && p.w.chance(2) {
		return i
	}
	return 0
}

// obey follows the next command.
func (p *proc) obey() {
	if len(p.mail) == 0 {
		return
	}
	at := p.next()
	cmd := p.mail[at]
	p.mail = slices.Delete(p.mail, at, at+1)
	if epochOf(cmd) != p.epoch && p.w.cfg.Broken != R37 {
		return
	}
	switch cmd := cmd.(type) {
	case control.Adopt:
		p.offered = false
		for _, t := range cmd.Marks {
			p.mark(t)
		}
		p.trim(cmd.Needs)
		if p.finished {
			p.tell(control.Finished{From: p.from()})
		}
	case control.Start:
		p.start(cmd.Assignment)
	case control.Connect:
		p.peers = map[frame.NodeID]frame.Incarnation{}
		for _, peer := range cmd.Peers {
			p.peers[peer.Node] = peer.Incarnation
		}
		p.tell(control.Linked{From: p.from()})
	case control.Relink:
		if p.peers == nil {
			p.w.fail("node %d: Relink before Connect", p.node)
			return
		}
		p.peers[cmd.Peer.Node] = cmd.Peer.Incarnation
	case control.Run:
		p.running = true
	case control.Mark:
		p.mark(cmd.Tick)
	case control.Trim:
		p.trim(cmd.Needs)
	case control.Stop:
		p.tell(control.Stopped{From: p.from()})
		p.w.die(p, true)
	}
}

// start restores the units. An image that is not there is a broken promise; one that cannot be read is bad luck.
func (p *proc) start(a control.Assignment) {
	if p.fenced() {
		p.w.die(p, false)
		return
	}
	p.w.fence[p.node], p.restored = p.inc, a.Restore
	for s := range p.w.stages {
		id := control.Unit{Stage: control.StageID(s), Node: p.node}
		d := p.w.disks[id]
		if d == nil {
			continue
		}
		at := a.Restore[s]
		if p.w.cfg.Broken == M25 {
			at = newest(d.images)
		}
		readable, there := d.images[at]
		if at > 0 && !there {
			p.w.fail("I11: %v restores tick %d, of which there is no image", id, at)
			return
		}
		if at > 0 && !readable {
			p.tell(control.Failed{From: p.from(), Reason: "damaged", Unreadable: &control.Saved{Stage: id.Stage, Tick: at}})
			return
		}
		p.units = append(p.units, p.restore(id, at))
	}
	p.started = true
	p.trim(a.Needs)
	for _, t := range a.Marks {
		p.mark(t)
	}
	p.tell(control.Ready{From: p.from(), Addr: "there"})
}

func (p *proc) restore(id control.Unit, at frame.Tick) *unit {
	d := p.w.disks[id]
	u := &unit{id: id, restored: at, exec: at, closed: map[control.Unit]frame.Tick{}, trimmed: map[control.Unit]frame.Tick{}, saved: map[frame.Tick]bool{}}
	if at > 0 {
		u.saved[at] = true
	}
	for _, producer := range p.w.producers(id.Stage) {
		u.closed[producer] = at
	}
	for _, consumer := range p.w.consumers(id.Stage) {
		u.trimmed[consumer] = at
	}
	if p.w.sink(id.Stage) {
		d.gap = d.gap || d.ext < at
		d.ext = at // the rest is cut off
	}
	if d.trimmed > at && p.w.stages[id.Stage].Source {
		p.w.fail("I11: %v restores tick %d, its journal begins after %d", id, at, d.trimmed)
	}
	if p.w.truncs {
		for t := range d.images {
			if t > at {
				delete(d.images, t)
			}
		}
	}
	return u
}

func (p *proc) mark(t frame.Tick) {
	p.told = max(p.told, t)
	for _, u := range p.units {
		if u.exec >= t {
			p.missed = max(p.missed, t)
		}
	}
	if !slices.Contains(p.marks, t) {
		p.marks = append(p.marks, t)
	}
}

func (p *proc) trim(needs control.Needs) {
	for _, u := range p.units {
		for c := range u.trimmed {
			u.trimmed[c] = max(u.trimmed[c], needs[c.Stage][c.Node])
		}
		if p.fenced() {
			continue
		}
		d := p.w.disks[u.id]
		need := needs[u.id.Stage][u.id.Node]
		d.trimmed = max(d.trimmed, need)
		removeBelow(d.images, need)
	}
}

// pull moves the close of one tick from a producer to a consumer, if they are linked and the producer has it.
func (p *proc) pull(u *unit, from control.Unit) bool {
	q := p
	if from.Node != p.node {
		if q = p.w.process(from.Node, p.peers[from.Node]); q == nil || !q.running || q.frozen || q.peers[p.node] != p.inc {
			return false
		}
	}
	v := q.unit(from.Stage)
	t := u.closed[from] + 1
	if v == nil || t > v.exec || t <= v.trimmed[u.id] {
		return false
	}
	u.closed[from] = t
	return true
}

func (p *proc) unit(s control.StageID) *unit {
	for _, u := range p.units {
		if u.id.Stage == s {
			return u
		}
	}
	return nil
}

// execute steps a unit by one tick, if it has one.
func (p *proc) execute(u *unit) bool {
	if u.exec == p.w.end {
		return false
	}
	if p.w.stages[u.id.Stage].Source {
		d := p.w.disks[u.id]
		if u.exec == d.journal { // nothing is left to replay
			if p.fenced() || u.exec >= p.w.hold {
				return false
			}
			d.journal++
		}
	}
	for _, t := range u.closed {
		if t <= u.exec {
			return false
		}
	}
	u.exec++
	if p.w.cfg.Broken == M07 && p.w.chance(4) && !p.fenced() {
		p.w.disks[u.id].ext = u.exec // written when it suits
	}
	for q := range u.closed { // frames within a process are not kept
		if v := p.unit(q.Stage); q.Node == p.node && v != nil {
			v.trimmed[u.id] = max(v.trimmed[u.id], u.exec)
		}
	}
	if slices.Contains(p.marks, u.exec) {
		u.saving = append(u.saving, u.exec)
	}
	return true
}

// save finishes the oldest image that is being written.
func (p *proc) save(u *unit) bool {
	if len(u.saving) == 0 {
		return false
	}
	t := u.saving[0]
	u.saving = u.saving[1:]
	if p.fenced() {
		return true
	}
	if p.w.faults && p.w.cfg.Broken == Intact && p.w.chance(20) {
		u.unsaved = t
		return true
	}
	d := p.w.disks[u.id]
	if p.w.cfg.Broken == M11 {
		removeBelow(d.images, t)
	}
	d.images[t] = true
	u.saved[t] = true
	if p.w.cfg.Broken != M07 {
		d.ext = max(d.ext, t)
	}
	return true
}

// finish says that all is done, once it is.
func (p *proc) finish() bool {
	if p.finished || !p.running {
		return false
	}
	for _, u := range p.units {
		if u.exec < p.w.end || len(u.saving) > 0 {
			return false
		}
	}
	for _, u := range p.units {
		p.w.disks[u.id].ext = p.w.end
	}
	p.finished = true
	p.tell(control.Finished{From: p.from()})
	return true
}

// report is how far the process is now.
func (p *proc) report() control.Reported {
	r := control.Reported{From: p.from(), Executed: make([]frame.Tick, len(p.w.stages)), Missed: p.missed}
	for s := range r.Executed {
		r.Executed[s] = frame.MaxTick
	}
	for _, u := range p.units {
		if u.exec < p.w.end {
			r.Executed[u.id.Stage] = u.exec
		}
		if p.w.stages[u.id.Stage].Source {
			r.Opened = max(r.Opened, p.w.disks[u.id].journal)
		}
		var ticks []frame.Tick
		for t := range u.saved {
			ticks = append(ticks, t)
		}
		slices.Sort(ticks)
		for _, t := range ticks {
			r.Saved = append(r.Saved, control.Saved{Stage: u.id.Stage, Tick: t})
		}
		if u.unsaved > 0 {
			r.Unsaved = append(r.Unsaved, control.Unsaved{Saved: control.Saved{Stage: u.id.Stage, Tick: u.unsaved}, Reason: "full"})
		}
	}
	return r
}
