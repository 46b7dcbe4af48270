package ringlog

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Stuck reports whether the logs that wait for a segment wait for ever: there is none to be had, nothing can be spilled, and each segment
// whose return would help holds a frame that pinned says nobody will trim before a waiting log has gone on. pinned is called with locks
// held; what it says of a tick must hold for later ticks of the chain, and as long as the logs wait. Safe from any goroutine; it
// looks at every segment. False may mean that it could not be told at the moment.
func (a *Arena) Stuck(pinned func(frame.Chain, frame.Tick) bool) bool {
	if a.spill != nil {
		return false
	}
	a.mu.Lock()
	moves, scope := a.mu.moves, a.starving()
	a.mu.Unlock()
	if scope == nil {
		return false
	}
	for l, held := range scope {
		if !l.pinnedWhole(held, pinned) {
			return false
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mu.moves == moves && a.starving() != nil // no segment came or went meanwhile, so all of that held at once
}

// starving returns the logs of which a segment would help one that waits, and how many each holds; nil if nobody waits, or a segment is to be
// had. Called with a.mu held.
func (a *Arena) starving() map[*Log]int {
	if len(a.mu.waiting) == 0 || slices.ContainsFunc(a.mu.waiting, a.mayHold) {
		return nil
	}
	scope := map[*Log]int{}
	for _, l := range a.mu.logs {
		if l.held > l.cfg.Reserve || slices.Contains(a.mu.waiting, l) {
			scope[l] = l.held
		}
	}
	return scope
}

// pinnedWhole reports whether a log holds that many segments, and each has a pinned frame: none is on its way back.
func (l *Log) pinnedWhole(held int, pinned func(frame.Chain, frame.Tick) bool) (whole bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.mu.units) != held {
		return false
	}
	fault := l.arena.Guard(func() {
		whole = !slices.ContainsFunc(l.mu.units, func(u *unit) bool { return !l.pinnedUnit(u, pinned) })
	})
	return whole && fault == nil
}

// pinnedUnit is called with l.mu held.
func (l *Log) pinnedUnit(u *unit, pinned func(frame.Chain, frame.Tick) bool) bool {
	if u.sealed {
		return slices.ContainsFunc(u.chains, func(c unitChain) bool { return !c.state.trims(c.max) && pinned(c.chain, c.max) })
	}
	y, end := l.arena.layout, l.Committed() // the chains of an open unit are its writer's: its frames are not
	for pos := y.First(u.number); pos < end; {
		_, offset := y.Split(pos)
		b, err := l.frameAt(u.seg, pos, offset)
		if err != nil {
			return false
		}
		h := frame.DecodeHeader(b)
		if c := l.mu.chains[h.Chain()]; c != nil && !c.trims(h.Tick) && pinned(h.Chain(), h.Tick) {
			return true
		}
		pos += frame.Pos(h.Padded())
	}
	return false
}
