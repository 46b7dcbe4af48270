package meta

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Format is the version of everything that this release stores.
const Format = 2

const (
	keyFormat      = "format"
	keyJob         = "job"
	keyEpoch       = "epoch"
	keySchedule    = "schedule"
	keyMark        = "mark"
	keyOutcome     = "outcome"
	keyIncarnation = "incarnation/"
	keyBase        = "base/"
	keyJournal     = "journal/"
	keyImages      = "images/"
)

// stagesMax and nodesMax bound what a store may speak of, so that a damaged number asks for no memory.
const (
	stagesMax = 1 << 16
	nodesMax  = control.MaxWorkers
	cellsMax  = 1 << 22 // stages x nodes
)

// Identity is whose a store is. A store is refused to everybody else.
type Identity struct {
	Job string
	// Settings are what the user has given that shapes rows and ticks, one a line: a name, a space, and the value without a line's end.
	Settings string
	Plan     uint64 // fingerprint of the stages and what joins them
	Schema   uint64 // fingerprint of the schemas of what is read and written
	Nodes    int
	Stages   int
}

func (id Identity) text() string {
	b, err := json.Marshal(id)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return string(b)
}

// matches reports the first thing in which a store is another's.
func (id Identity) matches(found Identity) error {
	differs := func(what string, found, want any) error {
		return fmt.Errorf("%w: %s: it was begun with %v, this run has %v; name another directory, or remove this one to begin anew", ErrOther, what, found, want)
	}
	hex := func(v uint64) string { return fmt.Sprintf("%016x", v) }
	switch {
	case found.Job != id.Job:
		return differs("job", strconv.Quote(found.Job), strconv.Quote(id.Job))
	case found.Schema != id.Schema:
		return differs("schema", hex(found.Schema), hex(id.Schema))
	case found.Nodes != id.Nodes:
		return differs("workers", found.Nodes, id.Nodes)
	case found.Settings != id.Settings:
		name, was, is := setting(found.Settings, id.Settings)
		return fmt.Errorf("%w: %s: it was begun with %v, this run has %v; give it as it was, name another directory, or remove this one to begin anew", ErrOther, name, was, is)
	case found != id:
		return differs("plan", fmt.Sprintf("%s of %d stages", hex(found.Plan), found.Stages), fmt.Sprintf("%s of %d stages", hex(id.Plan), id.Stages))
	}
	return nil
}

// setting returns the name of the first setting that is not the same in two lists, and its values.
func setting(found, want string) (name string, got, wanted any) {
	ours := strings.Split(want, "\n")
	for i, line := range strings.Split(found, "\n") {
		if i < len(ours) && ours[i] == line {
			continue
		}
		name, got, _ := strings.Cut(line, " ")
		for _, o := range ours {
			if v, ok := strings.CutPrefix(o, name+" "); ok {
				return name, got, v
			}
		}
		return name, got, "none"
	}
	name, wanted, _ = strings.Cut(ours[len(ours)-1], " ")
	return name, "none", wanted
}

func (id Identity) valid() error {
	if id.Nodes < 1 || id.Nodes > nodesMax || id.Stages < 1 || id.Stages > stagesMax || id.Nodes*id.Stages > cellsMax {
		return fmt.Errorf("%w: a job of %d stages on %d nodes", ErrDamaged, id.Stages, id.Nodes)
	}
	return nil
}

func sum(key, text string) string {
	return fmt.Sprintf("%016x", xxhash.Sum64String(key+"\x00"+text))
}

// seal makes a pair of a text.
func seal(key, text string) Pair { return Pair{key, []byte(text + " " + sum(key, text))} }

// open returns the text of a pair.
func (p Pair) open() (string, error) {
	i := bytes.LastIndexByte(p.Value, ' ')
	if i < 0 || string(p.Value[i+1:]) != sum(p.Key, string(p.Value[:max(i, 0)])) {
		return "", fmt.Errorf("%w: %s: the sum of %.80q is wrong", ErrDamaged, p.Key, p.Value)
	}
	return string(p.Value[:i]), nil
}

func number(v uint64) string { return strconv.FormatUint(v, 10) }

func nodeKey(prefix string, n frame.NodeID) string { return fmt.Sprintf("%s%04d", prefix, n) }

func unitKey(prefix string, u control.Unit) string {
	return nodeKey(fmt.Sprintf("%s%04d/", prefix, u.Stage), u.Node)
}

// encode lists the pairs that a transaction sets. The epoch is its guard.
func encode(t control.Txn) []Pair {
	var set []Pair
	if len(t.Schedule.Entries) > 0 {
		b, err := json.Marshal(t.Schedule)
		if err != nil {
			panic(err) // numbers always marshal
		}
		set = append(set, seal(keySchedule, string(b)))
	}
	if t.Mark > 0 {
		set = append(set, seal(keyMark, number(uint64(t.Mark))))
	}
	if t.Outcome > 0 {
		set = append(set, seal(keyOutcome, t.Outcome.String()))
	}
	for _, r := range t.Register {
		set = append(set, seal(nodeKey(keyIncarnation, r.Node), number(uint64(r.Incarnation))))
	}
	for _, b := range t.Bases {
		set = append(set, seal(unitKey(keyBase, b.Unit), baseText(b.Base)))
	}
	set = appendSets(set, keyJournal, t.Journals)
	return appendSets(set, keyImages, t.Images)
}

func appendSets(set []Pair, prefix string, sets []control.UnitJournal) []Pair {
	for _, j := range sets {
		b, err := json.Marshal(j.Set)
		if err != nil {
			panic(err) // numbers always marshal
		}
		set = append(set, seal(unitKey(prefix, j.Unit), string(b)))
	}
	return set
}

func baseText(b control.Base) string {
	text := number(uint64(b.Base)) + " " + number(uint64(b.Prev))
	if b.Warm > 0 || b.PrevWarm > 0 {
		text += " " + number(uint64(b.Warm)) + " " + number(uint64(b.PrevWarm))
	}
	return text
}

// Decode reads the record out of the pairs of a store that is not empty.
func Decode(pairs []Pair) (Identity, control.Stored, error) {
	texts := make(map[string]string, len(pairs))
	for _, p := range pairs {
		text, err := p.open()
		if err != nil {
			return Identity{}, control.Stored{}, err
		}
		texts[p.Key] = text
	}
	if f := texts[keyFormat]; f != number(Format) {
		return Identity{}, control.Stored{}, fmt.Errorf("%w: format got %q, want %q; it was written by another release", ErrOther, f, number(Format))
	}
	d := decoder{texts: texts}
	d.header()
	for _, p := range pairs {
		d.pair(p.Key, texts[p.Key])
	}
	return d.id, d.rec, d.err
}

// decoder fills a record, up to the first error.
type decoder struct {
	texts map[string]string
	id    Identity
	rec   control.Stored
	err   error
}

func (d *decoder) fail(key string, err error) {
	if d.err == nil && err != nil {
		d.err = fmt.Errorf("%w: %s: %q: %w", ErrDamaged, key, d.texts[key], err)
	}
}

// header reads what the others are checked against.
func (d *decoder) header() {
	d.json(keyJob, &d.id)
	if d.err == nil {
		d.err = d.id.valid()
	}
	d.rec.Epoch = control.Epoch(d.number(keyEpoch, d.texts[keyEpoch], 64))
	if d.err != nil {
		return
	}
	d.rec.Incarnations = make([]frame.Incarnation, d.id.Nodes)
	d.rec.Bases = make([][]control.Base, d.id.Stages)
	for i := range d.rec.Bases {
		d.rec.Bases[i] = make([]control.Base, d.id.Nodes)
	}
}

func (d *decoder) pair(key, text string) {
	if d.err != nil {
		return
	}
	switch {
	case key == keyFormat || key == keyJob || key == keyEpoch:
	case key == keySchedule:
		d.json(key, &d.rec.Schedule)
		d.fail(key, d.rec.Schedule.Valid())
	case key == keyMark:
		d.rec.Mark = frame.Tick(d.number(key, text, 64))
	case key == keyOutcome:
		d.outcome(text)
	case strings.HasPrefix(key, keyIncarnation):
		if n, ok := d.index(key, key[len(keyIncarnation):], d.id.Nodes); ok {
			d.rec.Incarnations[n] = frame.Incarnation(d.number(key, text, 32))
		}
	case strings.HasPrefix(key, keyBase):
		d.base(key, text)
	case strings.HasPrefix(key, keyJournal):
		d.set(key, keyJournal, &d.rec.Journals)
	case strings.HasPrefix(key, keyImages):
		d.set(key, keyImages, &d.rec.Images)
	default:
		d.fail(key, fmt.Errorf("no such key in format %d", Format))
	}
}

// unit reads the unit in a key.
func (d *decoder) unit(key, prefix string) (u control.Unit, ok bool) {
	stage, node, _ := strings.Cut(key[len(prefix):], "/")
	s, ok := d.index(key, stage, d.id.Stages)
	n, ok2 := d.index(key, node, d.id.Nodes)
	return control.Unit{Stage: control.StageID(s), Node: frame.NodeID(n)}, ok && ok2
}

// set reads the active set of what peers keep of a unit.
func (d *decoder) set(key, prefix string, into *map[control.Unit]control.JournalSet) {
	u, ok := d.unit(key, prefix)
	if !ok {
		return
	}
	var set control.JournalSet
	d.json(key, &set)
	d.fail(key, set.Valid(u.Node, d.id.Nodes))
	if *into == nil {
		*into = map[control.Unit]control.JournalSet{}
	}
	(*into)[u] = set
}

func (d *decoder) base(key, text string) {
	u, ok := d.unit(key, keyBase)
	if !ok {
		return
	}
	fields := strings.Split(text, " ")
	if len(fields) != 2 && len(fields) != 4 {
		d.fail(key, fmt.Errorf("%d numbers, want 2 or 4", len(fields)))
		return
	}
	var n4 [4]frame.Tick
	for i, f := range fields {
		n4[i] = frame.Tick(d.number(key, f, 64))
	}
	d.rec.Bases[u.Stage][u.Node] = control.Base{Base: n4[0], Prev: n4[1], Warm: n4[2], PrevWarm: n4[3]}
}

func (d *decoder) outcome(text string) {
	for o := control.OutputOpen; o <= control.OutputVisible; o++ {
		if o.String() == text {
			d.rec.Outcome = o
			return
		}
	}
	d.fail(keyOutcome, fmt.Errorf("want %v, %v or %v", control.OutputOpen, control.OutputComplete, control.OutputVisible))
}

func (d *decoder) json(key string, into any) {
	j := json.NewDecoder(strings.NewReader(d.texts[key]))
	j.DisallowUnknownFields()
	d.fail(key, j.Decode(into))
}

func (d *decoder) number(key, text string, bits int) uint64 {
	v, err := strconv.ParseUint(text, 10, bits)
	d.fail(key, err)
	return v
}

// index reads a number within a key.
func (d *decoder) index(key, text string, below int) (int, bool) {
	v, err := strconv.ParseUint(text, 10, 32)
	if err == nil && v >= uint64(below) {
		err = fmt.Errorf("number %d, want less than %d", v, below)
	}
	d.fail(key, err)
	return int(v), err == nil
}
