package state

import "fmt"

// Part is one of several states that are kept together, frozen. Its id is its owner's choice and stays with the state while that lives: what
// changed since the image before is known by it.
type Part struct {
	ID     uint64
	Frozen *Frozen
}

// StoredPart is a part as it was stored, for ThawPages.
type StoredPart struct {
	ID   uint64
	Head []byte
	Read ReadPages
}

// ReleaseParts releases all of them.
func ReleaseParts(parts []Part) {
	for _, p := range parts {
		p.Frozen.Release()
	}
}

// CopyParts stores parts in memory, all their pages. Errors are those of AppendPage. The parts stay the caller's.
func CopyParts(parts []Part) ([]StoredPart, error) {
	var stored []StoredPart
	for _, p := range parts {
		s, err := p.copied()
		if err != nil {
			return nil, err
		}
		stored = append(stored, s)
	}
	return stored, nil
}

func (p Part) copied() (StoredPart, error) {
	f := p.Frozen
	pages := make([][]byte, f.Pages())
	for no := range pages {
		if f.PageBytes(uint32(no)) == 0 {
			continue
		}
		var err error
		if pages[no], err = f.AppendPage(nil, uint32(no)); err != nil {
			return StoredPart{}, err
		}
	}
	read := func(dst [][]byte) error {
		for no, page := range dst {
			if page != nil && (no >= len(pages) || len(pages[no]) != len(page)) {
				return fmt.Errorf("%w: no page %d of %d bytes", ErrDamaged, no, len(page))
			}
			if page != nil {
				copy(page, pages[no])
			}
		}
		return nil
	}
	return StoredPart{ID: p.ID, Head: f.AppendHead(nil), Read: read}, nil
}
