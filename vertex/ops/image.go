package ops

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

var _, _, _ vertex.Imager = (*Window)(nil), (*Join)(nil), (*Order)(nil)

// smallBytes is how large a state may be, with its images, to go into an image by value: the pages of a smaller one are hardly more than what
// describes them.
const smallBytes = state.PageMedium

// How a state lies in an image.
const (
	byValue = iota
	asPart
)

// keyed is a state.Table or a state.Multimap.
type keyed interface {
	Bytes() int
	Snapshot(w state.Writer)
	Restore(r state.Reader) error
	Freeze() (*state.Frozen, error)
	ThawPages(head []byte, read state.ReadPages) error
}

// imageOf adds a state to an image, as the part with an id if it is not small.
func imageOf(s keyed, id uint64, w vertex.SnapshotWriter, parts []state.Part) ([]state.Part, error) {
	if s.Bytes() <= smallBytes {
		w.Uint64(byValue)
		s.Snapshot(w)
		return parts, nil
	}
	f, err := s.Freeze()
	if err != nil {
		return parts, err
	}
	w.Uint64(asPart)
	return append(parts, state.Part{ID: id, Frozen: f}), nil
}

// storedImage is what is read of an image.
type storedImage struct {
	r     vertex.SnapshotReader
	parts []state.StoredPart // by id
	used  int
}

// load reads what imageOf wrote.
func (im *storedImage) load(s keyed, id uint64) error {
	switch how := im.r.Uint64(); {
	case im.r.Err() != nil:
		return im.r.Err()
	case how == byValue:
		return s.Restore(im.r)
	case how != asPart:
		return fmt.Errorf("%w: state %d lies in the image in way %d", state.ErrDamaged, id, how)
	}
	i, ok := slices.BinarySearchFunc(im.parts, id, func(p state.StoredPart, id uint64) int { return cmp.Compare(p.ID, id) })
	if !ok {
		return fmt.Errorf("%w: an image of %d parts has no part %d", state.ErrDamaged, len(im.parts), id)
	}
	im.used++
	return s.ThawPages(im.parts[i].Head, im.parts[i].Read)
}

// end refuses parts that nobody has used.
func (im *storedImage) end() error {
	if im.r.Err() == nil && im.used != len(im.parts) {
		return fmt.Errorf("%w: an image of %d parts, want %d", state.ErrDamaged, len(im.parts), im.used)
	}
	return im.r.Err()
}
