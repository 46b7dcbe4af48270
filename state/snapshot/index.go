package snapshot

import (
	"fmt"
)

// readIndex reads what a file says by its index, without the contents of its pages. The error wraps ErrDamaged if that is not what was written; the sum of
// the file is for the caller to compare.
func readIndex(o Object) (*file, error) {
	f := &file{}
	b, err := readPlace(o, 0, headerBytes, "the header")
	if err == nil {
		f.header, err = decodeHeader(b) // first: a file of another version may end in another way
	}
	if err == nil {
		b, err = readPlace(o, o.Size()-footerBytes, footerBytes, "the footer")
	}
	if err == nil {
		f.footer, err = decodeFooter(b)
	}
	if err == nil && f.size != uint64(o.Size()) {
		err = damaged("%d bytes, want %d", o.Size(), f.size)
	}
	if err != nil {
		return nil, err
	}
	end := o.Size() - footerBytes - sumBytes - int64(min(f.footer.index, maxIndex))
	index, _, err := readSummed(o, end, f.footer.index, "the index")
	if err == nil {
		f.extraData, f.extraSum, err = readSummed(o, headerBytes, f.extra, "the extra")
	}
	if err == nil {
		err = f.place(o, index, end)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// place finds where the pages of all parts lie, which end at a place.
func (f *file) place(o Object, index []byte, end int64) error {
	at := headerBytes + int64(f.extra) + sumBytes
	for range f.parts {
		if len(index) < partBytes {
			return damaged("the index ends within a part's header")
		}
		p, err := f.begin(index[:partBytes], int64(len(index)-partBytes))
		if err != nil {
			return err
		}
		index = index[partBytes:]
		if p.headData, p.headSum, err = readSummed(o, at, p.head, "the head of a part"); err != nil {
			return err
		}
		at += int64(p.head) + sumBytes
		p.pages = make([]filePage, 0, p.partHeader.records)
		for range p.partHeader.records {
			r := decodeRecord(index)
			index = index[recordBytes:]
			if err := p.add(r, at); err != nil {
				return fmt.Errorf("part %d: %w", p.ID, err)
			}
			at += int64(r.size)
		}
		f.index = append(f.index, p)
	}
	if len(index) > 0 || at != end || f.pages() != f.footer.records {
		return damaged("%d pages to byte %d, and %d bytes more of the index, want %d to byte %d", f.pages(), at, len(index), f.footer.records, end)
	}
	return nil
}

// readSummed reads n bytes and their sum at a place.
func readSummed(o Object, at int64, n uint64, what string) ([]byte, uint64, error) {
	if n > uint64(o.Size()) {
		return nil, 0, damaged("%s of %d bytes in %d", what, n, o.Size())
	}
	b, err := readPlace(o, at, int64(n)+sumBytes, what)
	if err != nil {
		return nil, 0, err
	}
	return checkSum(b, what)
}

func readPlace(o Object, at, n int64, what string) ([]byte, error) {
	if at < 0 || at > o.Size()-n {
		return nil, damaged("%d bytes, too few for %s of %d at %d", o.Size(), what, n, at)
	}
	b := make([]byte, n)
	if got, err := o.ReadAt(b, at); got < len(b) {
		return nil, fmt.Errorf("read %s, %d bytes at %d: %w", what, n, at, err)
	}
	return b, nil
}
