package shuffle

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Keep says what may become of frames for other nodes before nobody needs them any more, as Exchange.Need tells.
type Keep uint8

// What is kept. The zero value is what an edge has that nobody said anything about.
const (
	// Retain: nothing is dropped; what memory cannot hold is spilled.
	Retain Keep = iota
	// Recompute: what the receiver has may be dropped when memory runs out, and is then made again when a new life of the receiver asks.
	Recompute
	// Replicate is Retain, and other nodes hold copies that serve at once.
	Replicate
	// Persist is Retain, and the ticks are written to the snapshot store, where they stay, or stay for as long as the policy says.
	Persist
)

// Policy is how what an edge carried can be had again after a loss.
type Policy struct {
	Keep   Keep
	Copies int // at other nodes; of Replicate only
	// For is how long at least what is persisted stays; 0: for good. Of Persist only.
	For time.Duration
}

// MostCopies bounds Policy.Copies.
const MostCopies = 8

// LeastFor bounds Policy.For.
const LeastFor = time.Second

var keepNames = [...]string{Retain: "retain", Recompute: "recompute", Replicate: "replicate", Persist: "persist"}

func (p Policy) String() string {
	if p.Keep == Replicate {
		return fmt.Sprintf("replicate=%d", p.Copies)
	}
	if p.For > 0 {
		return fmt.Sprintf("persist=%v", p.For)
	}
	return keepNames[p.Keep]
}

// ParsePolicy reads what String writes.
func ParsePolicy(text string) (Policy, error) {
	if copies, ok := strings.CutPrefix(text, "replicate="); ok {
		n, err := strconv.Atoi(copies)
		if err != nil || n < 1 || n > MostCopies {
			return Policy{}, fmt.Errorf("got %q, want replicate=K with K from 1 to %d", text, MostCopies)
		}
		return Policy{Keep: Replicate, Copies: n}, nil
	}
	if long, ok := strings.CutPrefix(text, "persist="); ok {
		d, err := time.ParseDuration(long)
		if err != nil || d < LeastFor {
			return Policy{}, fmt.Errorf("got %q, want persist=TIME with a time from %v on, such as 720h", text, LeastFor)
		}
		return Policy{Keep: Persist, For: d}, nil
	}
	for k, name := range keepNames {
		if text == name && Keep(k) != Replicate {
			return Policy{Keep: Keep(k)}, nil
		}
	}
	return Policy{}, fmt.Errorf("got %q, want recompute, retain, replicate=K, persist or persist=TIME", text)
}

// MarshalText is String.
func (p Policy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePolicy.
func (p *Policy) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePolicy(string(text))
	return err
}
