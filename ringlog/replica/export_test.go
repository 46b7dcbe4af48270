package replica

import "github.com/streamscope/streamscope/ringlog/frame"

// Rules that tests leave out on purpose.
const (
	None = none
	R1   = r1
	R2   = r2
	R3   = r3
)

// Canary is one of them.
type Canary = canary

// Break leaves a rule out.
func (n *Node) Break(c Canary) {
	n.broken = c
	n.mu.holder.broken = c
}

// DamageHeld flips a bit of entry i that is kept of a life, if there is one.
func (n *Node) DamageHeld(s Stream, life frame.Incarnation, i int) bool {
	l := n.mu.holder.find(s, life)
	if l == nil || i >= len(l.entries) || len(l.entries[i].bytes) == 0 {
		return false
	}
	l.entries[i].bytes[0] ^= 1
	return true
}
