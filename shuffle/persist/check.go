package persist

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state/snapshot"
)

// Range are consecutive ticks.
type Range struct {
	First frame.Tick `json:"first"`
	Last  frame.Tick `json:"last"`
}

// Report is what Check found of a node's part of a stream.
type Report struct {
	Node    frame.NodeID `json:"node"`
	Ticks   Range        `json:"ticks"` // frame.MaxTick as the last: it has ended
	Objects int          `json:"objects"`
	Bytes   uint64       `json:"bytes"`
	Rows    uint64       `json:"rows"`
	// Full counts ticks with rows.
	Full uint64 `json:"full_ticks"`
	// Removed are ticks before the first object, where the policy says for how long they stay. Gaps were never persisted, Missing are objects that are gone, Damage what is wrong with those that are there.
	Removed *Range   `json:"removed,omitempty"`
	Gaps    []Range  `json:"gaps,omitempty"`
	Missing []Range  `json:"missing,omitempty"`
	Damage  []string `json:"damage,omitempty"`
}

// damageMax bounds Report.Damage.
const damageMax = 100

// Check reads all of a stream and checks every sum, by node. The error wraps snapshot.ErrDamaged if anything is damaged, or ErrMissing if anything is gone,
// or is the store's; the reports are complete in the first two cases.
func (s *Stream) Check() ([]Report, error) {
	var all []Report
	errs := []error{s.failed}
	for i := range s.parts {
		r, err := s.checkPart(&s.parts[i])
		if err != nil {
			return nil, err
		}
		if len(r.Damage) > 0 {
			errs = append(errs, fmt.Errorf("edge %d, node %d: %w", s.Edge, r.Node, damaged("%d times; first: %s", len(r.Damage), r.Damage[0])))
		}
		if len(r.Missing) > 0 {
			errs = append(errs, fmt.Errorf("edge %d, node %d: %w: %d to %d", s.Edge, r.Node, ErrMissing, r.Missing[0].First, r.Missing[0].Last))
		}
		all = append(all, r)
	}
	return all, errors.Join(errs...)
}

// checkPart reads what a node has sent. The error is the store's.
func (s *Stream) checkPart(p *part) (r Report, err error) {
	r = Report{Node: p.node}
	before := frame.Tick(0) // last tick of the object before
	unknown, forgets := false, false
	for _, first := range p.firsts {
		o, err := s.checkObject(&r, objectName(p.folder, first))
		if r.Objects == 0 && errors.Is(err, snapshot.ErrNotFound) {
			continue // removed since its name was read; what comes says whether it may have been
		}
		if r.Objects++; r.Objects == 1 {
			r.Ticks.First = first
		}
		if first > before+1 && !unknown {
			r.Missing = append(r.Missing, Range{before + 1, first - 1})
		}
		if first <= before {
			r.damage(fmt.Errorf("%s begins before the object before it ends, with tick %d", objectName(p.folder, first), before))
		}
		if unknown = err != nil; unknown {
			if !errors.Is(err, snapshot.ErrDamaged) && !errors.Is(err, snapshot.ErrNotFound) {
				return r, err
			}
			r.damage(err)
			o.last = first
		}
		before = max(before, o.last)
		forgets = forgets || o.forgets
	}
	r.Ticks.Last = before
	if forgets && r.Ticks.First > 1 {
		r.Removed, r.Missing = &r.Missing[0], r.Missing[1:] // it is the first there is: nothing lies before
	}
	return r, nil
}

func (r *Report) damage(err error) {
	if len(r.Damage) < damageMax {
		r.Damage = append(r.Damage, err.Error())
	}
}

// checkObject reads an object and returns its header. The error says that its tables cannot be read, or is the store's.
func (s *Stream) checkObject(r *Report, name string) (h header, err error) {
	o, err := openObject(s.store, name)
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	r.Bytes += uint64(o.from.Size())
	r.Rows += o.rows
	if o.gap {
		r.Gaps = append(r.Gaps, Range{o.first, o.last})
	}
	for i := range o.entries {
		e := &o.entries[i]
		if e.rows > 0 {
			r.Full++
		}
		if err := s.checkTick(o, e); err != nil {
			if !errors.Is(err, snapshot.ErrDamaged) {
				return h, err
			}
			r.damage(err)
		}
	}
	return o.header, nil
}

// checkTick reads a tick and adds its rows up.
func (s *Stream) checkTick(o *object, e *entry) error {
	frames, err := o.frames(e)
	if err != nil || s.edge == nil {
		return err
	}
	var got content
	for _, b := range frames {
		if frame.DecodeHeader(b).Type != frame.Data {
			continue
		}
		c, err := contentOf(s.edge, b)
		if err != nil {
			return fmt.Errorf("%s: tick %d: %w", o.name, e.tick, damaged("%v", err))
		}
		got.rows, got.sum = got.rows+c.rows, got.sum+c.sum
	}
	if got != e.content {
		return fmt.Errorf("%s: tick %d: %w", o.name, e.tick, damaged("%d rows with sum %016x, want %d with %016x", got.rows, got.sum, e.rows, e.sum))
	}
	return nil
}
