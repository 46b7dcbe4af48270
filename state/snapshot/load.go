package snapshot

import (
	"errors"
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
)

// Loaded is a snapshot that is being read. Its state hash has been verified; the content of a page is checked as it is read.
type Loaded struct {
	Entry
	Extra []byte
	Parts []state.StoredPart
	files []Object
}

// Close closes the files.
func (l *Loaded) Close() error {
	var err error
	for _, o := range l.files {
		err = errors.Join(err, o.Close())
	}
	l.files = nil
	return err
}

// Snapshots lists the snapshots of a task that exist, without opening them for writing. There are none without a manifest.
func Snapshots(s Store, job JobID, task frame.TaskID) ([]Entry, error) {
	m, _, err := readManifest(s, job, task)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return m.Snapshots, nil
}

// Load opens the snapshot of a tick. It may be called while another writes and trims: files that are open stay readable. Errors wrap ErrNotFound
// if there is no such snapshot, or ErrDamaged, and name the file.
func Load(s Store, job JobID, task frame.TaskID, tick frame.Tick) (*Loaded, error) {
	m, _, err := readManifest(s, job, task)
	if err != nil {
		return nil, err
	}
	if _, ok := m.find(tick); !ok {
		return nil, fmt.Errorf("snapshot of job %016x task %d at tick %d: %w", job, task, tick, ErrNotFound)
	}
	return load(s, m, tick)
}

func load(s Store, m *manifest, tick frame.Tick) (*Loaded, error) {
	chain, err := m.chain(tick)
	if err != nil {
		return nil, err
	}
	l := &loader{Loaded: Loaded{Entry: chain[0]}}
	for i := len(chain) - 1; i >= 0 && err == nil; i-- {
		err = l.add(s, m, chain[i])
	}
	if err == nil {
		err = l.finish()
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &l.Loaded, nil
}

// loader puts the files of a chain together.
type loader struct {
	Loaded
	names    []string
	byID     map[uint64]*loadedPart
	order    []*partSums
	extraSum uint64
	hash     uint64
}

type loadedPart struct {
	sums partSums
	head []byte
	at   []pagePlace // by page number
}

type pagePlace struct {
	file Object
	name string
	at   int64
}

func (l *loader) add(s Store, m *manifest, e Entry) error {
	name := folder(m.Job, m.Task) + e.File
	o, err := s.Open(name)
	if err != nil {
		return err
	}
	l.files, l.names = append(l.files, o), append(l.names, name)
	f, err := readIndex(o)
	if err == nil {
		want := header{Job: m.Job, Task: m.Task, Tick: e.Tick, Increment: !e.Full, parts: f.parts, extra: f.extra}
		if !e.Full {
			want.Base = e.Base
		}
		switch {
		case f.header != want:
			err = damaged("it is %+v, want %+v", f.header, want)
		case f.footer.sum != e.Sum || f.hash != e.Hash || o.Size() != e.Bytes:
			err = damaged("sum %#x, state hash %#x, %d bytes, the manifest has %#x, %#x, %d", f.footer.sum, f.hash, o.Size(), e.Sum, e.Hash, e.Bytes)
		default:
			err = l.merge(f, o, name)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// merge puts a file over those before it. Parts that it does not have are gone.
func (l *loader) merge(f *file, o Object, name string) error {
	l.Extra, l.extraSum, l.hash, l.order = f.extraData, f.extraSum, f.hash, nil
	parts := map[uint64]*loadedPart{}
	for i := range f.index {
		p := &f.index[i]
		lp := &loadedPart{sums: partSums{id: p.ID}}
		if !p.full {
			if lp = l.byID[p.ID]; lp == nil {
				return damaged("part %d is an increment over nothing", p.ID)
			}
		}
		lp.sums.head, lp.head = p.headSum, p.headData
		for _, g := range p.pages {
			lp.sums.set(g.page, pageSum{g.sum, g.size})
			for int(g.page) >= len(lp.at) {
				lp.at = append(lp.at, pagePlace{})
			}
			lp.at[g.page] = pagePlace{o, name, g.at}
		}
		parts[p.ID] = lp
		l.order = append(l.order, &lp.sums)
	}
	l.byID = parts
	return nil
}

func (l *loader) finish() error {
	if got := stateHash(l.extraSum, l.order); got != l.hash {
		return fmt.Errorf("%s: %w", strings.Join(l.names, " and "), damaged("state hash %#x, want %#x", got, l.hash))
	}
	for _, s := range l.order {
		p := l.byID[s.id]
		l.Parts = append(l.Parts, state.StoredPart{ID: s.id, Head: p.head, Read: p.read})
	}
	return nil
}
